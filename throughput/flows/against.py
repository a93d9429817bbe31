"""Read a saved run, and put a second one, or a saved benchmark, beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from throughput.collect.run_directory import RunDirectory
from throughput.errors import DamagedFile
from throughput.flows.analyse import analyse
from throughput.flows.project import project_of
from throughput.flows.saved import NAME, read_benchmark, saved_stacks
from throughput.flows.saved_report import last_scale, report_of, step_ns
from throughput.model.report import Analysis
from throughput.render.against import Against, compared
from throughput.render.folded import read_folded
from throughput.render.json_report import LARGEST, report_from_json


def saved_analysis(path: Path) -> Analysis:
    """Return what a run directory's raw files say, else its report.json; or read such a file.

    Raises:
        UsageError: no run there.
        DamagedFile: what must be read is damaged, or of a newer schema.
    """
    if path.is_file():
        return Analysis(report=report_from_json(_bytes(path)))
    directory = RunDirectory(path.resolve())
    file = directory.path / "report.json"
    if directory.ranks() or not file.is_file() or file.is_symlink():
        return analyse(directory)
    directory.read_run()
    return Analysis(report=report_from_json(_bytes(file)))


def against_baseline(analysis: Analysis, baseline: str | None) -> Against | None:
    """Return the run beside its baseline: a run directory, a report.json or a saved benchmark's name.

    Raises:
        UsageError: no baseline there.
        DamagedFile: the baseline can't be read.
        NotComparable: batch size, device or number of ranks differ, or there is no such saved benchmark.
    """
    if baseline is None:
        return None
    if NAME.fullmatch(baseline) and not Path(baseline).exists():
        return _against_saved(analysis, baseline)
    then = saved_analysis(Path(baseline))
    flames = then.facts[0].attribution.flames if then.facts else None
    return replace(compared(analysis.report, then.report), flames=flames)


def _against_saved(analysis: Analysis, name: str) -> Against:
    """Return the run beside a benchmark of the project in whose folder we are."""
    project = project_of(Path.cwd())
    benchmark = read_benchmark(project, name)
    made = replace(compared(analysis.report, report_of(benchmark)), processes=len(benchmark.processes))
    stacks = saved_stacks(project, benchmark)
    if stacks is None or not analysis.facts:
        return made
    beside = analysis.facts[0].attribution.flames
    flames = read_folded(stacks, beside, step_ns=step_ns(benchmark), scale=last_scale(benchmark))
    return replace(made, flames=flames)


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise DamagedFile(f"{path} is too large to be a report.", hint="Profile the script again.")
    return path.read_bytes()
