"""The ledger: its parts sum to the process's wall time whatever it is made of, and each finds its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.attribute.scenes import BATCH_COLUMNS, MS, Scene, ns
from tests.unit.attribute.test_any_timeline import TIMES, timelines
from throughput.attribute.ledger import NAMES_MAX, OTHERS, ledger_of, ledger_rows, life_ns, owned_ns
from throughput.attribute.ledger_claims import Claim
from throughput.model.category import Block, Phase
from throughput.model.ledger import PARTS, LedgerRow, part_count, part_seconds
from throughput.model.run import Run, Window
from throughput.model.timeline import Batches, Loader, Pause, Span, Timeline

CLAIMS = st.lists(
    st.builds(
        Claim,
        part=st.sampled_from(PARTS),
        name=st.sampled_from(["", *(f"n{number}" for number in range(2 * NAMES_MAX))]),
        start_ns=TIMES,
        end_ns=TIMES,
        count=st.integers(0, 3),
    ),
    max_size=60,
)
LIVES = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] < pair[1])
SPANS = st.lists(
    st.builds(
        Span,
        part=st.sampled_from(("imports", "data_set", "model", "evaluation", "checkpoint", "profiling")),
        name=st.sampled_from(["", "torch", "train.py:3"]),
        start_ns=TIMES,
        end_ns=TIMES,
        begins=st.booleans(),
    ),
    max_size=12,
)
PAUSES = st.lists(
    st.builds(Pause, kind=st.sampled_from(["gc2", "compile"]), start_ns=TIMES, end_ns=TIMES), max_size=5
)


def run_of(life: tuple[int, int], **changes: Any) -> Run:
    """Return a run whose script's process, number 100, lived so long."""
    clock = {"child_pid": 100, "child_began_ns": life[0], "child_ended_ns": life[1]}
    made = Run(
        run_id="r", tool_version="0", command=("train.py",), script="train.py", script_dir="/project",
        cwd="/project", started_at="", window=Window(asked=9), clock=clock,
    )  # fmt: skip
    return replace(made, **changes)


@given(CLAIMS, LIVES)
def test_claims_share_a_life_and_what_nobody_claims_is_the_rest(
    claims: list[Claim], life: tuple[int, int]
) -> None:
    owned = owned_ns(claims, life)
    assert (owned >= 0).all()
    assert int(owned.sum()) <= life[1] - life[0]
    rows = ledger_rows(claims, owned, life[1] - life[0])
    assert round(sum(row.seconds for row in rows) * 1e9) == life[1] - life[0]
    assert [PARTS.index(row.part) for row in rows] == sorted(PARTS.index(row.part) for row in rows)
    for part in PARTS:
        assert sum(row.part == part for row in rows) <= NAMES_MAX + 1
        assert sum(row.part == part and row.name == OTHERS for row in rows) <= 1


@given(CLAIMS, LIVES)
def test_the_first_claim_of_a_moment_has_it(claims: list[Claim], life: tuple[int, int]) -> None:
    owned = owned_ns(claims, life)
    taken: set[int] = set()
    for claim, ns_ in zip(claims, owned.tolist(), strict=True):
        # All times are multiples of 7,919 ns: so long is a moment.
        moments = set(range(max(claim.start_ns, life[0]), min(claim.end_ns, life[1]), 7_919))
        assert ns_ == len(moments - taken) * 7_919
        taken |= moments


@settings(max_examples=200)
@given(timelines(), SPANS, PAUSES, LIVES, st.lists(st.none() | TIMES, min_size=3, max_size=3))
def test_the_ledger_sums_to_the_wall_time_whatever_the_timeline_says(
    timeline: Timeline, spans: list[Span], pauses: list[Pause], life: tuple[int, int], marks: list[int | None]
) -> None:
    known = dict(zip(("started_ns", "stopped_ns", "exit_ns"), marks, strict=True))
    facts = {**timeline.facts, "pid": 100, "life": {"began_ns": None, **known}}
    timeline = replace(timeline, spans=tuple(spans), pauses=tuple(pauses), facts=facts)
    ledger = ledger_of(run_of(life), timeline)
    assert ledger is not None
    assert round(sum(row.seconds for row in ledger.rows) * 1e9) == ledger.wall_ns == life[1] - life[0]
    assert ledger.goodput is not None
    assert 0 <= ledger.goodput <= 1
    assert ledger.step_ns is None or ledger.step_ns >= 0


def life_of(scene: Scene, began: float, ended: float, **marks: float) -> tuple[Run, dict[str, Any]]:
    """Return a run from `began` to `ended`, ms, and the facts with the marks of its process."""
    life = {f"{name}_ns": ns(at) for name, at in marks.items()}
    return run_of((ns(began), ns(ended))), {"pid": 100, "life": life}


def seconds(rows: tuple[LedgerRow, ...]) -> dict[str, float]:
    """Return each part's ms."""
    return {part: round(part_seconds(rows, part) * 1e3, 3) for part in PARTS if part_seconds(rows, part)}


def loader(**changes: Any) -> Loader:
    """Return a loader with two workers."""
    scene = Scene()
    scene.loader(2)
    return replace(scene.loaders[0], **changes)


def a_run() -> tuple[Run, Timeline]:
    """Return a run of which every part is known.

    From -1000 ms: 50 interpreter, 20 profiling, 300 imports with 100 of a data set within, 170 rest, 100
    workers (60 starting, 40 until the first batch is begun), 60 first batch, 300 rest; a warm-up step, then
    four steps of 100 ms of which one holds an evaluation of 40 and a save of 10, and 200 ms of shutdown.
    """
    scene = Scene()
    scene.at = 0
    scene.step((Phase.REST, 50), (Phase.BACKWARD, 40), (Phase.OPTIMIZER, 10), block=Block.WARMUP)
    for _ in range(4):
        scene.step((Phase.REST, 50), (Phase.BACKWARD, 40), (Phase.OPTIMIZER, 10))
    scene.batch(wanted=-400, taken=-300, begun=-360, made=-310)
    spans = (
        Span(part="profiling", name="start", start_ns=ns(-950), end_ns=ns(-930)),
        Span(part="imports", name="torch", start_ns=ns(-930), end_ns=ns(-830)),
        Span(part="data_set", name="Digits", start_ns=ns(-830), end_ns=ns(-730)),
        Span(part="imports", name="data", start_ns=ns(-730), end_ns=ns(-630)),
        Span(part="evaluation", name="evaluate train.py:9", start_ns=ns(200), end_ns=ns(250)),
        Span(part="checkpoint", name="save train.py:12", start_ns=ns(240), end_ns=ns(250)),
    )
    run, facts = life_of(scene, -1000, 700, started=-950, stopped=500, exit=600)
    made = replace(
        scene.timeline(),
        spans=spans,
        facts=facts,
        loaders=(loader(start_ns=(ns(-460),), ready_ns=(ns(-400),)),),
    )
    return run, made


def test_every_part_has_its_time() -> None:
    run, timeline = a_run()
    ledger = ledger_of(run, timeline)
    assert ledger is not None
    assert seconds(ledger.rows) == {
        "interpreter": 50,
        "imports": 200,
        "data_set": 100,
        "workers": 100,
        "first_batch": 60,
        "warmup": 100 + 50,  # the step, and as much before it as it is long
        "steps": 400 - 50,
        "evaluation": 40,
        "checkpoint": 10,
        "profiling": 20,
        "shutdown": 200,
        "rest": 170 + 300 - 50,
    }
    assert ledger.step_ns == pytest.approx(350 / 4 * MS)
    assert ledger.goodput == pytest.approx(350 / 1700)
    imports = [(row.name, row.count) for row in ledger.rows if row.part == "imports"]
    assert imports == [("data", 1), ("torch", 1)]
    assert part_count(ledger.rows, "workers") == 2
    assert part_count(ledger.rows, "steps") == 4
    assert part_count(ledger.rows, "evaluation") == 1


def test_a_model_that_is_in_evaluation_mode_while_others_train_is_no_evaluation() -> None:
    run, timeline = a_run()
    teacher = Span(part="evaluation", name="", start_ns=ns(-500), end_ns=ns(600))
    ledger = ledger_of(run, replace(timeline, spans=(*timeline.spans, teacher)))
    assert ledger is not None
    assert seconds(ledger.rows)["evaluation"] == 40


def test_a_pass_in_which_nothing_is_trained_is_an_evaluation_until_its_loader_is_empty() -> None:
    scene = Scene()
    scene.step((Phase.LOADER, 10), (Phase.BACKWARD, 90))
    evaluated = ((Phase.LOADER, 10), (Phase.REST, 80), (Phase.LOADER, 5), (Phase.REST, 5))
    scene.step(*evaluated, (Phase.BACKWARD, 100))
    scene.batch(wanted=0, taken=10, begun=0, made=5)
    timeline = scene.timeline()
    # Two batches of another loader, at 100 and at 150, and its end from 190 to 195.
    rows = [(1, 0, -1, ns(0), ns(10)), (2, 0, -1, ns(100), ns(110)), (2, 1, -1, ns(150), ns(151))]
    batches = Batches(**{name: np.full(len(rows), -1, dtype=np.int64) for name in BATCH_COLUMNS.split()})
    for number, (which, index, worker, wanted, taken) in enumerate(rows):
        batches.loader[number], batches.index[number], batches.worker[number] = which, index, worker
        batches.wanted_ns[number], batches.consumed_ns[number] = wanted, taken
    run, facts = life_of(scene, -100, 400)
    ledger = ledger_of(run, replace(timeline, batches=batches, facts=facts))
    assert ledger is not None
    assert seconds(ledger.rows)["evaluation"] == 95


def test_pauses_of_ours_and_slower_steps_under_a_collector_are_profiling() -> None:
    scene = Scene()
    for _ in range(3):
        scene.step((Phase.BACKWARD, 100))
    scene.at += 30  # a pause, after which the next step begins
    scene.step((Phase.BACKWARD, 140), block=Block.TORCH)
    run, facts = life_of(scene, 0, 470)
    ledger = ledger_of(run, replace(scene.timeline(), facts=facts))
    assert ledger is not None
    assert seconds(ledger.rows) == {"steps": 400, "profiling": 70}


def test_compiling_says_what_was_compiled_again() -> None:
    scene = Scene()
    scene.step((Phase.BACKWARD, 100))
    run, facts = life_of(scene, -50, 100)
    why = {"function": "forward", "file": "/project/net.py", "line": 20, "reason": "size mismatch"}
    facts["compile"] = {"frames": 3, "recompiles": 2, "reasons": [why]}
    pause = Pause(kind="compile", start_ns=ns(10), end_ns=ns(60))
    ledger = ledger_of(run, replace(scene.timeline(), facts=facts, pauses=(pause,)))
    assert ledger is not None
    (row,) = [row for row in ledger.rows if row.part == "compile"]
    assert (row.seconds, row.count) == (pytest.approx(0.05), 1)
    assert row.name == "3 frames, 2 recompilations, most often forward net.py:20"


def test_how_long_a_process_lived() -> None:
    scene = Scene()
    scene.step((Phase.BACKWARD, 100))
    timeline = replace(scene.timeline(), facts={"pid": 7, "life": {"began_ns": ns(-80), "exit_ns": ns(120)}})
    launched = run_of((ns(-500), ns(500)))
    assert life_ns(launched, timeline) == (ns(-80), ns(120))  # a launcher's child says it itself
    assert life_ns(launched, replace(timeline, facts={"pid": 100})) == (ns(-500), ns(500))
    old = replace(launched, clock={"monotonic_ns": ns(-100)}, wall_s=0.4)
    assert life_ns(old, replace(timeline, facts={})) == (ns(-100), ns(300))
    killed = replace(launched, clock={"monotonic_ns": ns(-100)}, wall_s=None)
    assert life_ns(killed, replace(timeline, facts={})) == (ns(-100), ns(100))
    assert life_ns(replace(launched, clock={}), replace(timeline, facts={})) is None
    assert ledger_of(replace(launched, clock={}), replace(timeline, facts={})) is None


def test_a_row_that_can_not_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        LedgerRow(part="lunch", name="", seconds=1.0, count=1)
    with pytest.raises(ValueError, match="no row"):
        LedgerRow(part="steps", name="", seconds=-1.0, count=1)
