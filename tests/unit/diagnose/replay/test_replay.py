"""From facts to predictions: the work is read right, a fix changes what it should, doubt is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from throughput.diagnose.examples import facts, loader, loading, settings, spot
from throughput.diagnose.replay.ask import Question, answer, places_named, settings_table, summary
from throughput.diagnose.replay.changes import Change, changed
from throughput.diagnose.replay.fit import fit
from throughput.diagnose.replay.predict import held_back_error, model_of, predicted
from throughput.diagnose.replay.queue_model import replay
from throughput.model.category import Category, Phase
from throughput.model.finding import Facts, Finding, LoaderSettings, Prediction
from throughput.model.timeline import Batches, Segments

MS = 1_000_000
STEPS = 80


def run(*, workers: int, make_ms: int = 10, loop_ms: int = 6, **parts: Any) -> Facts:
    """Return a run whose loader is the limit: one batch a step, made in `make_ms` by each worker.

    Without workers the training thread makes the batch; with them it waits until it is made.
    """
    step_ms = make_ms + loop_ms if not workers else max(loop_ms, make_ms // workers)
    load_ms = step_ms - loop_ms
    start = np.arange(STEPS, dtype=np.int64) * step_ms * MS
    taken = start + load_ms * MS
    whole = np.full(STEPS, 1, dtype=np.int64)
    batches = Batches(
        loader=whole, index=np.arange(STEPS), worker=np.arange(STEPS) % workers if workers else -whole,
        wanted_ns=start, consumed_ns=taken, made_ns=taken, arrived_ns=taken, fetched_ns=taken,
        begun_ns=taken - make_ms * MS + 1, cpu_ns=whole * (make_ms * MS - 1),
        runq_ns=whole * 0, asked_ns=start,
    )  # fmt: skip
    edges = np.stack([start, taken], axis=1).ravel()
    ends = np.append(edges[1:], start[-1] + step_ms * MS)
    segments = Segments(
        phase=np.tile([int(Phase.LOADER), int(Phase.REST)], STEPS),
        start_ns=edges,
        end_ns=ends,
        cpu_ns=np.where(np.arange(2 * STEPS) % 2 == 1, ends - edges, 0),
        runq_ns=np.zeros(2 * STEPS, dtype=np.int64),
    )
    share = load_ms / step_ms
    made = facts(
        {Category.DATA_LOADING: share},
        durations_ms=(float(step_ms),) * STEPS,
        batches=batches,
        loaders=(settings(workers),),
        loader=loader(workers, make_ms),
        **parts,
    )
    return replace(made, timeline=replace(made.timeline, segments=segments))


def finding(saves_ms: float, step_ms: float, **more: Any) -> Finding:
    share = saves_ms / step_ms
    bound = Prediction(speedup=1 / (1 - share), low=1.0, high=1 / (1 - min(0.99, share * 1.05)))
    made = Finding(
        rule="slow-transform", title="", category=Category.DATA_LOADING, where=None, evidence=(), fix="",
        saves_ns_per_step=saves_ms * MS, prediction=bound,
    )  # fmt: skip
    return replace(made, **more)


@pytest.mark.parametrize(("workers", "step"), [(0, 16), (1, 10), (2, 6)])
def test_a_replay_of_the_unchanged_run_gives_its_step_time(workers: int, step: float) -> None:
    made = run(workers=workers)
    model = model_of(made)
    assert model is not None
    assert model.now.step_ns == pytest.approx(step * MS, rel=0.03)
    assert held_back_error(made) == pytest.approx(0, abs=0.03)
    assert model.is_trusted


def test_a_batch_that_comes_late_was_sent_and_is_no_work_of_the_training_thread() -> None:
    made = run(workers=1, make_ms=20, loop_ms=5)
    batches = made.timeline.batches
    sent = replace(batches, made_ns=batches.made_ns - 4 * MS, begun_ns=batches.begun_ns - 4 * MS)
    model = model_of(replace(made, timeline=replace(made.timeline, batches=sent)))
    assert model is not None
    assert set(model.pipeline.send) == {4 * MS}
    assert model.pipeline.loop_cpu.mean() == pytest.approx(5 * MS, rel=0.01)
    assert model.now.step_ns == pytest.approx(20 * MS, rel=0.03)


def test_a_bound_leaves_room_for_the_cpu_that_workers_give_back() -> None:
    made = run(workers=1, make_ms=20, loop_ms=10)
    split = tuple(
        replace(row, share=0.25) if row.category is Category.CPU_STARVED else row
        for row in made.attribution.split
    )
    starved = replace(made, attribution=replace(made.attribution, split=split))
    model = model_of(made)
    assert model is not None
    model = replace(model, error=0.3)
    found, wider = (predicted(facts_, model, finding(8, 20)).prediction for facts_ in (made, starved))
    assert found is not None
    assert wider is not None
    assert wider.high == pytest.approx(1 / (1 / found.high - 0.25))


def test_what_training_makes_itself_is_saved_whole() -> None:
    made = run(workers=0)
    model = model_of(made)
    assert model is not None
    told = predicted(made, model, finding(8, 16)).prediction
    assert told is not None
    assert told.basis == "replay"
    assert told.speedup == pytest.approx(2.0, rel=0.02)
    assert told.low <= 2.0 <= told.high


def test_faster_making_in_a_worker_buys_no_more_than_training_needs() -> None:
    # A worker makes a batch in 30 ms, training needs 20: with none of the making left, 20 ms remain.
    made = run(workers=1, make_ms=30, loop_ms=20)
    model = model_of(made)
    assert model is not None
    all_of_it = predicted(made, model, finding(10, 30)).prediction
    assert all_of_it is not None
    assert all_of_it.speedup == pytest.approx(1.5, rel=0.03)
    assert all_of_it.next_category is Category.COMPUTE
    # Half of the wait is half of the making: 15 ms hide behind 20.
    half = predicted(made, model, finding(5, 30)).prediction
    assert half is not None
    assert half.speedup == pytest.approx(1.5, rel=0.03)


def test_a_named_setting_is_predicted_as_it_stands() -> None:
    made = run(workers=1, make_ms=30, loop_ms=10)
    model = model_of(made)
    assert model is not None
    two = finding(10, 30, rule="too-few-workers", sets=LoaderSettings(num_workers=2))
    told = predicted(made, model, two).prediction
    assert told is not None
    assert told.speedup == pytest.approx(2.0, rel=0.03)


def test_a_replay_that_misses_its_own_run_predicts_nothing() -> None:
    made = run(workers=0)
    model = model_of(made)
    assert model is not None
    doubted = predicted(made, replace(model, error=0.3), finding(8, 16)).prediction
    assert doubted is not None
    assert doubted.basis == "bound"
    assert "misses its own steps by 30" in doubted.assumes
    unknown = predicted(made, replace(model, error=None), finding(8, 16)).prediction
    assert unknown is not None
    assert "too few steps" in unknown.assumes


def test_without_recorded_work_there_is_no_model() -> None:
    assert fit(facts()) is None
    assert model_of(facts()) is None


def test_work_never_becomes_negative() -> None:
    pipeline = fit(run(workers=0))
    assert pipeline is not None
    gone = changed(pipeline, Change(loop_minus_ns=1e12))
    assert replay(gone).step_ns == pytest.approx(0, abs=10)


def test_settings_are_tried_and_the_best_is_named() -> None:
    made = run(workers=0, environment={"cpus": 4})
    model = model_of(made)
    assert model is not None
    rows = settings_table(made, model)
    assert {row.num_workers for row in rows} == set(range(9))
    found = summary(made, model)
    assert found.best is not None
    # 10 ms of making and 6 of training: two workers hide it, one can't.
    assert (found.best.num_workers, found.best.prefetch_factor) == (2, 2)
    assert found.best.steps_per_s == pytest.approx(1000 / 6.7, rel=0.03)


def test_questions_by_name() -> None:
    rounding = loading("numpy.round", 0.5, "site-packages/numpy/core.py:9", caller="data.py:3")
    here = replace(rounding, process="training process")
    made = run(workers=0, places=(here, spot("model", 0.2)))
    model = model_of(made)
    assert model is not None
    assert places_named(made, "data.py:3") == [here]
    # Places take their share of a 100 ms step in these examples; here a step takes 16 ms.
    here = replace(here, ns_per_step=8 * MS)
    made = replace(made, attribution=replace(made.attribution, functions=(here,), hotspots=(here,)))
    without = answer(made, model, Question(left={"numpy.round": 0.0}))
    assert without.step_ns == pytest.approx(8 * MS, rel=0.02)
    fifth = answer(made, model, Question(left={"numpy.round": 0.25}))
    assert fifth.step_ns == pytest.approx(10 * MS, rel=0.02)
    with pytest.raises(KeyError):
        answer(made, model, Question(left={"nobody": 0.0}))
    double = answer(made, model, Question(batch_scale=2.0))
    assert double.step_ns == pytest.approx(32 * MS, rel=0.02)
