"""Save runs as a benchmark of the project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from throughput.flows.benchmark import benchmark_of, read_made, with_code
from throughput.flows.project import Project
from throughput.flows.saved import check_name, write_benchmark
from throughput.model.benchmark import FEW_PROCESSES, Benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was saved, where, and what it lacks."""

    benchmark: Benchmark
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def save(runs: Sequence[Path], name: str, project: Project) -> Saved:
    """Write the runs as a benchmark, each as one fresh process.

    Raises:
        UsageError: no run there, no such name, or a folder that can't be written.
        NotComparable: the runs are not of one script, or have no timed step.
        DamagedFile: a run is damaged.
    """
    check_name(name)
    made = [read_made(run) for run in runs]
    content, notes = with_code(made, benchmark_of(made, name, project), project)
    if len(made) < FEW_PROCESSES:
        few = f"{len(made)} of {FEW_PROCESSES} processes are too few to tell a change from their own spread, "
        notes = (*notes, f"{few}so only the paired form can judge well. Give --runs 5.")
    return Saved(benchmark=content.benchmark, files=write_benchmark(project, content), notes=notes)
