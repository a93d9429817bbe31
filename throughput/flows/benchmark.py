"""Turn analysed runs into a benchmark: figures of each process, and the code that gave them."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import throughput
from throughput.collect.code_state import file_hash
from throughput.collect.run_directory import RunDirectory
from throughput.collect.secrets import looks_secret
from throughput.collect.worktree import are_tracked, pack, repository_of
from throughput.compare.fingerprint import differences
from throughput.compare.measured import counted, must_equal, noted, sample_of, spots
from throughput.errors import NotComparable
from throughput.flows.analyse import analyse
from throughput.flows.project import Project
from throughput.flows.saved import Content
from throughput.model.benchmark import Benchmark
from throughput.model.report import Analysis
from throughput.model.run import Run
from throughput.render.folded import folded_stacks

OPTIONS = ("steps", "warmup", "collectors", "stacks", "marker")
"""Under which a check runs again, so that like is compared with like."""
CODE_BYTES_MAX = 1_000_000
"""More is no code; the archive is meant to be committed."""
EDITED_S = 1.0
"""File systems keep times to a second, some less finely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A run with what it says."""

    run: Run
    analysis: Analysis


def read_made(path: Path) -> Made:
    """Return a run directory's run and analysis.

    Raises:
        UsageError: no run there.
        DamagedFile: what must be read is damaged.
    """
    directory = RunDirectory(path.resolve())
    run = directory.read_run()
    return Made(run=run, analysis=analyse(directory))


def benchmark_of(made: Sequence[Made], name: str, project: Project) -> Benchmark:
    """Return what runs of one script measured, each run as one fresh process; no code is kept with it.

    Raises:
        NotComparable: a run has no timed step, or the runs are not of one script on one kind of machine.
    """
    _require_alike(made)
    first = made[0]
    script, folder = _place(first.run, project)
    analyses = [one.analysis for one in made]
    return Benchmark(
        name=name,
        tool_version=throughput.__version__,
        saved_at=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        command=_command(first.run),
        script=script,
        is_module=bool(first.run.options.get("module")),
        folder=folder,
        options={key: first.run.options[key] for key in OPTIONS if key in first.run.options},
        script_sha256=first.run.code.script_sha256,
        commit=first.run.code.commit,
        dirty=first.run.code.dirty,
        seed=_seeds(first.analysis),
        must_equal=must_equal(first.analysis),
        noted=noted(first.analysis.report),
        processes=tuple(sample_of(analysis) for analysis in analyses),
        counts=counted(analyses),
        hotspots=spots(analyses),
    )


def with_code(
    made: Sequence[Made], benchmark: Benchmark, project: Project
) -> tuple[Content, tuple[str, ...]]:
    """Return the benchmark with its stacks, its code where no clean commit tells it, and what is lacking."""
    analysis = made[-1].analysis
    stacks = folded_stacks(analysis.facts[0].attribution.flames) if analysis.facts else None
    benchmark = replace(
        benchmark, stacks_sha256=None if stacks is None else hashlib.sha256(stacks).hexdigest()
    )
    files, why = _own_files(made[-1], project)
    if files and benchmark.commit and benchmark.dirty is False and _are_committed(files, project):
        return Content(benchmark=benchmark, stacks=stacks), ()
    code = _packed(files, project) if files else None
    if code is not None and len(code) > CODE_BYTES_MAX:
        code, why = None, f"its own files take more than {CODE_BYTES_MAX // 1_000_000} MB packed"
    kept = Content(benchmark=_with_hash(benchmark, code), stacks=stacks, code=code)
    if code is not None:
        return kept, ()
    return kept, (f"The code was not kept: {why}. A check can only compare numbers.",)


def _with_hash(benchmark: Benchmark, code: bytes | None) -> Benchmark:
    digest = None if code is None else hashlib.sha256(code).hexdigest()
    # What was dirty or untracked is told by its own files alone.
    return replace(benchmark, commit=None, code_sha256=digest)


def _require_alike(made: Sequence[Made]) -> None:
    first = made[0]
    for other in made[1:]:
        if other.run.code.script_sha256 != first.run.code.script_sha256:
            raise NotComparable(
                f"{first.run.run_id} and {other.run.run_id} are runs of different scripts.",
                hint="Save runs of one script, unchanged between them.",
            )
        if other.run.command[1:] != first.run.command[1:]:
            raise NotComparable(
                f"{first.run.run_id} and {other.run.run_id} ran with different arguments.",
                hint="Save runs of one command.",
            )
        found = differences(must_equal(first.analysis), must_equal(other.analysis))
        if found:
            raise NotComparable(
                f"{first.run.run_id} and {other.run.run_id} can't be saved as one: {'; '.join(found)}.",
                hint="Save runs of one machine and one set-up.",
            )


def _place(run: Run, project: Project) -> tuple[str | None, str]:
    """Return the script and the folder where it ran, relative to the project; outside, the name alone."""
    cwd = Path(run.cwd)
    folder = cwd.relative_to(project.folder).as_posix() if cwd.is_relative_to(project.folder) else "."
    if run.script is None or run.options.get("module"):
        return run.script, folder
    path = (cwd / run.script).resolve()
    inside = path.is_relative_to(project.folder)
    return path.relative_to(project.folder).as_posix() if inside else path.name, folder


def _command(run: Run) -> tuple[str, ...]:
    """Return the command without the interpreter's folder, which is this machine's."""
    return (Path(run.command[0]).name, *run.command[1:]) if run.command else ()


def _seeds(analysis: Analysis) -> dict[str, Any]:
    seeds = analysis.facts[0].timeline.facts.get("seeds") if analysis.facts else None
    return {key: value for key, value in (seeds or {}).items() if value is not None}


def _own_files(made: Made, project: Project) -> tuple[tuple[Path, ...], str]:
    """Return the project's files that the run loaded; none and why where they are not those that ran."""
    timeline = made.analysis.facts[0].timeline if made.analysis.facts else None
    names = timeline.facts.get("modules") if timeline is not None else None
    if not isinstance(names, list):
        return (), "the run doesn't say which files it loaded"
    paths = [Path(str(name)) for name in names]
    files = [p for p in paths if p.is_relative_to(project.folder) and p.is_file() and not looks_secret(p)]
    if not files:
        return (), "its files don't lie in the project"
    if made.run.script and not made.run.options.get("module"):
        script = Path(made.run.cwd) / made.run.script
        if made.run.code.script_sha256 and file_hash(script) != made.run.code.script_sha256:
            return (), "the script was edited after the run"
    ended = dt.datetime.fromisoformat(made.run.started_at).timestamp() + (made.run.wall_s or 0.0)
    edited = next((file for file in files if file.stat().st_mtime > ended + EDITED_S), None)
    if edited is not None:
        return (), f"{edited.name} was edited after the run"
    return tuple(files), ""


def _are_committed(files: Sequence[Path], project: Project) -> bool:
    top = repository_of(project.folder)
    return top is not None and are_tracked(top, files)


def _packed(files: Sequence[Path], project: Project) -> bytes:
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        archive = Path(folder) / "code.zip"
        pack(archive, files, project.folder)
        return archive.read_bytes()
