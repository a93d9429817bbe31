"""Say why nothing moves: of a run that hung, from its raw files; of any process, by a look at it now."""

from __future__ import annotations

import json
import linecache
import os
from dataclasses import dataclass
from pathlib import Path

from throughput.align.frames import FrameReader
from throughput.align.stall import read_snapshot
from throughput.attribute.stalls import stall_of
from throughput.collect.child import descendants
from throughput.collect.stalls import as_text, look_at
from throughput.errors import DamagedFile, ThroughputError, UsageError
from throughput.flows.raw_files import FolderFiles
from throughput.flows.sources import read_sources
from throughput.model.run import Run
from throughput.model.stall import Snapshot, Stall
from throughput.model.timeline import Timeline

NAME = "stall.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What a look at a process shows."""

    stall: Stall
    text: str
    """The stacks of all threads."""


def read_stall(raw: Path, run: Run, timelines: tuple[Timeline, ...]) -> Stall | None:
    """Return why a run hung; None where it didn't, or where its file is damaged."""
    files = FolderFiles(raw)
    if not raw.is_dir() or NAME not in files.names():
        return None
    sources, qualified = read_sources(raw, run.script_dir)
    try:
        with files.open(NAME) as file:
            snapshot = read_snapshot(file.read(), FrameReader(run.script_dir, qualified))
    except DamagedFile:
        return None
    return stall_of(snapshot, timelines, sources)


def dump(pid: int) -> Dump:
    """Return what a process and those below it are in now.

    Raises:
        UsageError: there is no such process.
        ThroughputError: nothing at all is shown of it.
    """
    if not Path(f"/proc/{pid}").is_dir():
        raise UsageError(f"There is no process {pid}.", hint="`ps` and `nvidia-smi` list processes.")
    found = look_at({pid} | descendants(pid))
    if not found:
        raise ThroughputError(f"Process {pid} has ended.", hint="Look at one that runs.")
    folder = _folder(pid)
    data = json.dumps({"pid": pid, "processes": found}).encode("utf-8", "replace")
    snapshot = read_snapshot(data, FrameReader(folder))
    stall = stall_of(snapshot, (), _lines(snapshot, folder), is_run=False)
    return Dump(stall=stall, text=as_text(found))


def _folder(pid: int) -> str:
    """Return the folder in which a process works: own code mostly lies under it."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - as text
    except OSError:
        return ""


def _lines(snapshot: Snapshot, folder: str) -> dict[str, dict[int, str]]:
    """Return the own lines that the threads are at."""
    found: dict[str, dict[int, str]] = {}
    for thread in snapshot.threads:
        for frame in thread.frames:
            if frame.own:
                path = str(Path(folder, frame.file))
                found.setdefault(frame.file, {})[frame.line] = linecache.getline(path, frame.line)
    return found
