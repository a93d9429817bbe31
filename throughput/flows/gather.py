"""Gather the runs that several machines made of one training into one run directory, and report on it."""

from __future__ import annotations

import datetime as dt
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from throughput import units
from throughput.collect.run_directory import RunDirectory, new_run_directory, write_whole
from throughput.errors import UsageError, explain_no_room, no_room
from throughput.flows.analyse import analyse
from throughput.flows.nodes import INDEX, NodeEntry, NodeIndex
from throughput.flows.profile import FILES, Profiled, write_reports
from throughput.model.run import Run

SOURCES = "sources"
ENDINGS = ("crashed", "stalled", "never_stepped", "interrupted", "unfinished")
"""How a machine's part can end badly, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one machine made."""

    directory: RunDirectory
    run: Run
    ranks: tuple[int, ...]
    folder: str
    """Its name in the gathered run's raw/."""


def gather(named: Sequence[str], out: str | None) -> Profiled:
    """Copy the ranks of several runs into one run directory, and write its reports.

    Each machine keeps a folder of what was measured of it alone: counters, output, sources, its own run.json.

    Raises:
        UsageError: no run there, nothing to gather, one rank in several of them, or nowhere to write.
        DamagedFile: a run can't be read.
        ThroughputError: there is no room left to write.
    """
    parts = _parts([RunDirectory(Path(name).resolve()) for name in dict.fromkeys(named)])
    started = dt.datetime.now(dt.timezone.utc)
    directory = new_run_directory(out, f"{parts[0].run.script or 'ranks'}-gathered", started.astimezone())
    try:
        for part in parts:
            _copy(part, directory.raw)
        index = NodeIndex(nodes=[NodeEntry(folder=part.folder, ranks=list(part.ranks)) for part in parts])
        write_whole(directory.raw / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=1))
        run = _run(parts, directory.path.name)
        directory.write_run(run)
        analysis = analyse(directory)
        directory.write_run(replace(run, collectors=analysis.report.run.collectors))
        files = write_reports(directory, analysis, FILES)
    except OSError as error:
        if no_room(error):
            raise explain_no_room(error, "what was copied so far is kept") from error
        raise
    return Profiled(directory=directory, run=run, analysis=analysis, files=files)


def _parts(directories: Sequence[RunDirectory]) -> list[_Part]:
    """Return the machines' parts, that with the first rank first.

    Raises:
        UsageError: one is no run, has no rank, or shares one with another.
        DamagedFile: a run can't be read.
    """
    found: list[_Part] = []
    owners: dict[int, Path] = {}
    names: set[str] = set()
    for directory in directories:
        run = directory.read_run()
        ranks = tuple(int(folder.name.rpartition("-")[2]) for folder in directory.ranks())
        if (directory.raw / INDEX).is_file():
            raise UsageError(f"{directory.path} is gathered already.", hint="Name the runs it was made of.")
        for rank in ranks:
            if rank in owners:
                raise UsageError(
                    f"Rank {rank} is in both {owners[rank]} and {directory.path}.",
                    hint="Name one run of each machine, of one training whose launcher numbers all ranks.",
                )
            owners[rank] = directory.path
        folder = _free(run, names)
        names.add(folder)
        found.append(_Part(directory=directory, run=run, ranks=ranks, folder=folder))
    trained = [part for part in found if part.ranks]
    if not trained:
        raise UsageError(
            "None of these runs has a rank that trained.", hint="Name runs of `throughput profile`."
        )
    return sorted(trained, key=lambda part: part.ranks[0])


def _free(run: Run, taken: set[str]) -> str:
    """Return a name for a machine's folder that no other has."""
    host = str(run.environment.get("hostname") or "")
    name = "node-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", host).strip("-.") or "unnamed")
    number, candidate = 2, name
    while candidate in taken:
        candidate = f"{name}-{number}"
        number += 1
    return candidate


def _copy(part: _Part, raw: Path) -> None:
    """Copy a machine's ranks, and what was measured of the machine."""
    source, node = part.directory.raw, raw / part.folder
    for folder in part.directory.ranks():
        _copy_files(folder, raw / folder.name)
    _copy_files(source, node)
    if (source / SOURCES).is_dir() and not (source / SOURCES).is_symlink():
        _copy_files(source / SOURCES, node / SOURCES)
    write_whole(node / "run.json", (part.directory.path / "run.json").read_bytes())


def _copy_files(source: Path, target: Path) -> None:
    """Copy the regular files of a folder; links, which may lead anywhere, are left out."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as old, (target / path.name).open("wb") as new:
                while block := old.read(1 << 20):
                    new.write(block)


def _run(parts: Sequence[_Part], name: str) -> Run:
    """Return the run of all: what was asked is that of the first rank's machine, endings are the worst."""
    first = parts[0].run
    ends = [part.run.ended for part in parts]
    codes = [part.run.script_exit_code for part in parts]
    clock: dict[str, Any] = dict(first.clock)
    for key in ("stacks_began_ns", "stacks_ended_ns"):
        clock[key] = {rank: ns for part in parts for rank, ns in (part.run.clock.get(key) or {}).items()}
    hosts = units.plural(len(parts), "machine")
    ranks = units.plural(sum(len(part.ranks) for part in parts), "rank")
    notes = [f"{ranks} of {hosts} were gathered."]
    for part in parts:
        notes += [note if len(parts) == 1 else f"{part.folder}: {note}" for note in part.run.notes]
    return replace(
        first,
        run_id=name,
        ended=next((end for end in ENDINGS if end in ends), first.ended),
        script_exit_code=next((code for code in codes if code), first.script_exit_code),
        environment=first.environment | {"nodes": len(parts)},
        notes=tuple(dict.fromkeys(notes)),
        clock=clock,
    )
