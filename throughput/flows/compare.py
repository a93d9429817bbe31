"""Compare two runs or saved benchmarks as numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from throughput.compare.fingerprint import require_comparable, unknown
from throughput.compare.rule import Settings, decide
from throughput.compare.verdict import of_benchmarks, stored_evidence
from throughput.errors import DamagedFile, NotComparable
from throughput.flows.against import saved_analysis
from throughput.flows.benchmark import Made, benchmark_of, read_made
from throughput.flows.project import Project
from throughput.flows.saved import NAME, read_benchmark, read_file
from throughput.model.benchmark import FEW_PROCESSES, Benchmark
from throughput.model.run import Run
from throughput.model.verdict import Outcome, Verdict
from throughput.render.verdict import worded

ALONE = "A single process a side: two runs of one script can differ by as much, and nothing here can tell."


def compare(base: str, head: str, project: Project, *, settings: Settings, force: bool) -> Verdict:
    """Return what differs between two runs or saved benchmarks.

    Raises:
        NotComparable: they differ in what must be equal, or there is no such run or benchmark.
        DamagedFile: a file is damaged, or of a newer schema.
    """
    sides = side_of(base, project), side_of(head, project)
    notes = require_comparable(*sides, force=force)
    lost = unknown(sides[0].must_equal, sides[1].must_equal)
    if lost:
        notes = (*notes, f"Not known on both sides, so not compared: {', '.join(lost)}.")
    return numbers(*sides, settings=settings, notes=notes)


def numbers(base: Benchmark, head: Benchmark, *, settings: Settings, notes: tuple[str, ...] = ()) -> Verdict:
    """Return the verdict of two benchmarks as numbers, with nothing to be run any more."""
    count = len(head.processes)
    # There are as many processes as there are: all of them are looked at once.
    once = replace(settings, least=count, most=count, confirm=0)
    verdict = of_benchmarks(base, head, decide(stored_evidence(base, head.processes), once, last=True), once)
    fewest = min(len(base.processes), count)
    if fewest < FEW_PROCESSES:
        rough = f"Only {fewest} processes on a side: a rough picture."
        notes = (*notes, ALONE if fewest == 1 else rough)
    if fewest == 1 and verdict.outcome is not Outcome.UNSURE:
        verdict = replace(verdict, outcome=Outcome.UNSURE)
    return worded(replace(verdict, notes=(*notes, *verdict.notes)))


def side_of(text: str, project: Project) -> Benchmark:
    """Return a run directory, a report.json, a benchmark's file, or a saved benchmark's name as a benchmark.

    Raises:
        NotComparable: there is none of them.
        DamagedFile: it is damaged, or of a newer schema.
    """
    path = Path(text)
    if path.is_dir():
        name = path.resolve().name
        if (path / "raw").is_dir():
            return benchmark_of([read_made(path)], name, project)
        return _of_report(path, name, project)
    if path.is_file():
        return _of_file(path, project)
    if not NAME.fullmatch(text):
        raise NotComparable(
            f"There is no run or saved benchmark {text}.",
            hint="Name a run directory, or a benchmark that was saved.",
        )
    return read_benchmark(project, text)


def _of_file(path: Path, project: Project) -> Benchmark:
    try:
        plain = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_file(path)  # which says what is wrong with it
    if isinstance(plain, dict) and "headline" in plain:
        return _of_report(path, path.parent.resolve().name, project)
    return read_file(path)


def _of_report(path: Path, name: str, project: Project) -> Benchmark:
    """Return a report as a benchmark of one process: less is known of it than of a run's raw files."""
    analysis = saved_analysis(path)
    summary = analysis.report.run
    run = Run(
        run_id=summary.run_id,
        tool_version=summary.tool_version,
        command=summary.command,
        script=None,
        script_dir=".",
        cwd=".",
        started_at=summary.started_at,
        window=summary.window,
    )
    try:
        return benchmark_of([Made(run=run, analysis=analysis)], name, project)
    except ValueError as error:
        raise DamagedFile(f"{path} holds no figures to compare: {error}.", hint="Profile again.") from None
