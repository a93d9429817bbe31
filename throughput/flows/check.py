"""Check a script for a regression: run pairs or processes until the rule has an answer, then say why."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import throughput
from throughput import units
from throughput.align.timeline import Context, RankReader
from throughput.attribute.split import breakdowns, split_steps
from throughput.attribute.view import clean_view
from throughput.attribute.waits import lock_time
from throughput.collect.lockstep import CannotTakeTurns, Turns, take_turns
from throughput.collect.options import ALWAYS, COLLECTORS, ProfileOptions
from throughput.collect.profile import Listener, collect
from throughput.collect.run_directory import RunDirectory
from throughput.compare.fingerprint import FORCE, differences, require_comparable
from throughput.compare.measured import batch_size, sample_of
from throughput.compare.pairs import PairSample, Recorded, in_turns, one_after_the_other
from throughput.compare.rule import Decision, Evidence, Settings, decide
from throughput.compare.stacks import moved_function
from throughput.compare.verdict import Sides as Names
from throughput.compare.verdict import evidence_of, explained, of_benchmarks, of_pairs, stored_evidence
from throughput.errors import NotComparable, ScriptFailed, ThroughputError
from throughput.flows.analyse import analyse
from throughput.flows.benchmark import Made, benchmark_of
from throughput.flows.project import Project
from throughput.flows.raw_files import FolderFiles
from throughput.flows.saved import saved_stacks
from throughput.flows.saved_report import last_scale, step_ns
from throughput.flows.sides import Sides
from throughput.model.benchmark import FEW_PROCESSES, Benchmark
from throughput.model.run import Run
from throughput.model.verdict import Form, Mark, Outcome, Verdict
from throughput.render.folded import read_folded
from throughput.render.verdict import worded
from throughput.render.wording import place

LEAST_TURNS = 8
"""Of a side: six whole ones are needed, and the first and the last may be cut short."""
PAIR_S = 30.0
"""A pair of slow steps ends after this time, once it has had its turns: 150 of a tenth of a second each."""
OVERTIME = 2.0
"""An alarm may take so much longer to be confirmed."""
LEAST_CLEAN = 10
"""Clean steps without which a process measured nothing."""
EXPLAINED_STEPS = 200
"""Of the full run that names the place: what `profile` takes by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked of a check."""

    settings: Settings
    steps: int = 600
    """Of each side in a pair, or of each process."""
    max_seconds: float = 600.0
    interleaved: bool = False
    force: bool = False
    strict_counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a check tells while it runs: how the rule stands after one more value."""

    form: Form
    decision: Decision
    elapsed_s: float


Hear = Callable[[Heard], None]


def check_pairs(sides: Sides, plan: Plan, project: Project, hear: Hear) -> Verdict:
    """Return the verdict on two versions that both run here.

    Raises:
        ScriptFailed: a side doesn't step, or hangs.
        NotComparable: a side loaded the other's code, or the two differ in batch size.
    """
    began = time.monotonic()
    form = Form.INTERLEAVED if plan.interleaved else Form.LOCKSTEP
    pairs: list[PairSample] = []
    notes: tuple[str, ...] = ()
    while True:
        try:
            pair = _pair(sides, plan, form, len(pairs))
        except CannotTakeTurns as error:
            if pairs or form is not Form.LOCKSTEP:
                raise
            form, notes = Form.INTERLEAVED, (f"{error.what} The sides ran one after the other instead.",)
            continue
        _require_one_batch(pair, plan)
        pairs.append(pair)
        elapsed = time.monotonic() - began
        decision = _decided(evidence_of(pairs), plan, elapsed)
        hear(Heard(form=form, decision=decision, elapsed_s=elapsed))
        if decision.outcome is not None:
            break
    names = Names(base=sides.base_name, head=sides.head_name)
    verdict = of_pairs(pairs, decision, plan.settings, form, names)
    if _wants_explaining(verdict, plan):
        verdict, more = _explained(verdict, sides, project)
        notes = (*notes, *more)
    return _done(replace(verdict, notes=(*notes, *verdict.notes)), plan, began)


def check_numbers(
    benchmark: Benchmark, head: ProfileOptions, plan: Plan, project: Project, hear: Hear
) -> Verdict:
    """Return the verdict on today's code against a benchmark's numbers alone.

    Raises:
        ScriptFailed: the script doesn't step.
        NotComparable: machine or workload differ from the benchmark's.
    """
    began = time.monotonic()
    made: list[Made] = []
    notes: tuple[str, ...] = ()
    decision: Decision | None = None
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        while decision is None or decision.outcome is None:
            made.append(profiled(head, Path(folder) / str(len(made))))
            now = benchmark_of(made, "this code", project)
            if len(made) == 1:
                notes = require_comparable(benchmark, now, force=plan.force)
            elapsed = time.monotonic() - began
            decision = _decided(stored_evidence(benchmark, now.processes), plan, elapsed)
            hear(Heard(form=Form.STORED, decision=decision, elapsed_s=elapsed))
        verdict = of_benchmarks(benchmark, now, decision, plan.settings)
        notes = (*notes, *_named_by_stacks(verdict, benchmark, made[-1], project))
    if len(benchmark.processes) < FEW_PROCESSES:
        few = f"{len(benchmark.processes)} of {FEW_PROCESSES} processes"
        notes = (*notes, f"{benchmark.name} holds {few}: a rough yardstick.")
    return _done(replace(verdict, notes=(*notes, *verdict.notes)), plan, began)


def _decided(evidence: Evidence, plan: Plan, elapsed_s: float) -> Decision:
    """Return what the rule says; where the next value would be over time, there is none.

    An alarm is confirmed all the same: two more values tell a regression from chance.
    """
    found = decide(evidence, plan.settings)
    limit = plan.max_seconds * (OVERTIME if found.confirming else 1.0)
    over = elapsed_s * (1 + 1 / evidence.count) > limit
    return decide(evidence, plan.settings, last=True) if over and found.outcome is None else found


def _done(verdict: Verdict, plan: Plan, began: float) -> Verdict:
    """Return the verdict in words; with strict counts, work that changed fails, and no counts can't pass."""
    exact = [row for row in verdict.counts if row.exact]
    if plan.strict_counts and exact:
        note = "Counts are strict, and the work of a step changed."
        verdict = replace(verdict, work_changed=True, notes=(note, *verdict.notes))
    elif plan.strict_counts and not verdict.counted and verdict.outcome is not Outcome.SLOWER:
        note = "Counts are strict, but nothing was counted on both sides."
        verdict = replace(verdict, outcome=Outcome.UNSURE, notes=(note, *verdict.notes))
    return worded(replace(verdict, seconds=round(time.monotonic() - began, 1)))


def _wants_explaining(verdict: Verdict, plan: Plan) -> bool:
    moved = any(row.mark is Mark.CHANGED for row in verdict.parts)
    return plan.strict_counts or moved or verdict.outcome is not Outcome.SAME


def _pair(sides: Sides, plan: Plan, form: Form, number: int) -> PairSample:
    return lockstep_pair(sides, plan) if form is Form.LOCKSTEP else _interleaved(sides, plan, number)


def lockstep_pair(sides: Sides, plan: Plan) -> PairSample:
    """Return what one pair of fresh processes in turns says.

    Raises:
        ScriptFailed: a side doesn't step, or hangs.
        CannotTakeTurns: the two can't be alive at once.
        NotComparable: a side loaded the other's code.
    """
    turns = Turns(steps=plan.steps, seconds=PAIR_S, least=LEAST_TURNS, locks=True)
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        directories = take_turns((sides.base, sides.head), Path(folder), turns)
        base, head = (_recorded(directory) for directory in directories)
    sides.check_loaded(_modules(base), _modules(head))
    return in_turns(base, head)


def _recorded(directory: RunDirectory) -> Recorded:
    folders = directory.ranks()
    if not folders:
        raise ScriptFailed("The script never stepped.", hint="Name a function that is a step with --marker.")
    context = Context(rank=0, script_dir="", stacks_began_ns=None)
    timeline = RankReader(FolderFiles(folders[0]), context).timeline()
    view = clean_view(timeline)
    if view is None:
        raise ScriptFailed("No step of a turn was measured.", hint="Let the script run for more steps.")
    return Recorded(timeline=timeline, steps=breakdowns(view, split_steps(view, lock_time(view))))


def _modules(side: Recorded) -> Sequence[str] | None:
    found = side.timeline.facts.get("modules")
    return [str(name) for name in found] if isinstance(found, list) else None


def _interleaved(sides: Sides, plan: Plan, number: int) -> PairSample:
    """Return what two fresh processes say that ran one after the other, each first in turn."""
    light = [
        replace(side, collectors=(*ALWAYS, "locks"), steps=plan.steps) for side in (sides.base, sides.head)
    ]
    found: dict[int, Made] = {}
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            found[index] = profiled(light[index], Path(folder) / str(index))
    loaded = [_loaded(found[index]) for index in (0, 1)]
    sides.check_loaded(*loaded)
    samples = [sample_of(found[index].analysis) for index in (0, 1)]
    batches = tuple(batch_size(found[index].analysis.report) for index in (0, 1))
    return replace(one_after_the_other(samples[0], samples[1]), samples=(batches[0], batches[1]))


def _loaded(made: Made) -> Sequence[str] | None:
    found = made.analysis.facts[0].timeline.facts.get("modules") if made.analysis.facts else None
    return [str(name) for name in found] if isinstance(found, list) else None


def profiled(options: ProfileOptions, out: Path) -> Made:
    """Return one fresh process's run.

    Raises:
        ScriptFailed: it raised, hung, never stepped, or took too few steps.
        KeyboardInterrupt: the user ended it.
    """
    listener = Listener(relay=lambda _name, _data: None, progress=lambda _progress: None)
    directory, run = collect(replace(options, out=str(out)), listener, throughput.__version__)
    if run.ended == "interrupted":
        raise KeyboardInterrupt
    if run.ended in ("crashed", "never_stepped", "stalled"):
        how = run.ended.replace("_", " ")
        raise ScriptFailed(f"The script ended early ({how}).", hint=_last_words(directory, run))
    analysis = analyse(directory)
    clean = analysis.report.run.window.clean
    if clean < LEAST_CLEAN:
        raise ScriptFailed(
            f"The script took {clean} steps that could be timed, {LEAST_CLEAN} are needed.",
            hint="Let it run for more steps: give it more epochs, or more data.",
        )
    return Made(run=run, analysis=analysis)


def _last_words(directory: RunDirectory, run: Run) -> str:
    log = directory.raw / "output.log"
    lines = log.read_bytes().decode("utf-8", "replace").strip().splitlines() if log.is_file() else []
    if lines:
        return f"It said: {lines[-1][:200]}"
    return run.notes[0] if run.notes else "Run it by itself first."


def _require_one_batch(pair: PairSample, plan: Plan) -> None:
    found = differences({"batch_size": pair.samples[0]}, {"batch_size": pair.samples[1]})
    if found and not plan.force:
        raise NotComparable(f"The two sides can't be compared: {found[0]}.", hint=FORCE)


def _explained(verdict: Verdict, sides: Sides, project: Project) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict with the places and counts of a full run of each side, and what went wrong."""
    full = []
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        for name, side in (("base", sides.base), ("head", sides.head)):
            options = replace(side, collectors=COLLECTORS, steps=EXPLAINED_STEPS)
            try:
                made = profiled(options, Path(folder) / name)
            except ThroughputError as error:
                return verdict, (f"No place is named: the full run of {name} failed. {error.what}",)
            full.append(benchmark_of([made], name, project))
    notes = tuple(f"The sides differ: {one}." for one in differences(full[0].must_equal, full[1].must_equal))
    return explained(verdict, full[0], full[1]), notes


def _named_by_stacks(verdict: Verdict, benchmark: Benchmark, made: Made, project: Project) -> tuple[str, ...]:
    """Return which function the saved stacks blame for a change that no hotspot explains; () where none."""
    stacks = saved_stacks(project, benchmark)
    part = verdict.part
    if part is None or verdict.spot is not None or stacks is None or not made.analysis.facts:
        return ()
    head = made.analysis.facts[0].attribution.flames
    base = read_folded(stacks, head, step_ns=step_ns(benchmark), scale=last_scale(benchmark))
    found = moved_function(base, head, (part.head_ns or 0.0) - (part.base_ns or 0.0))
    if found is None:
        return ()
    took = units.duration(found.base_ns), units.duration(found.head_ns)
    name = f"{found.function} ({place(found.file, 0)})"
    return (f"By the stacks of both sides, {name} went from {took[0]} to {took[1]} a step.",)
