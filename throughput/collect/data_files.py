"""Turn what a process tree has open and mapped into `data_files.json`: the data set, as far as it is seen.

A file that is read and closed again is seen by chance only. So where several files of a folder were seen, all
of their kind in it count; and where several such folders lie side by side (a folder a class), all of these.

The raw file: one JSON object {"format": "throughput.data_files", "schema": 1, "files", "bytes", "whole"
(false: counting was cut short), "file_systems" (their kinds), "room_bytes" (RAM, or the control group's
limit), "seen" (paths)}.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from throughput.collect.cgroups import cgroups_of, read_text
from throughput.collect.environment import memory_bytes

FORMAT = "throughput.data_files"
SCHEMA = 1
FILE = "data_files.json"
SEEN_MOST = 2_000
"""Paths that are kept: more tell nothing about the folders that they are in."""
COUNT_MOST, COUNT_S = 200_000, 2.0
"""Files that are counted, and for how long: a network disk answers slowly, and the run is over by then."""
MAPS_AGAIN_S = 20.0
"""A process's list of mappings is long (2,000 lines once torch is loaded): it is read this seldom."""
CODE = re.compile(
    r"\.(?:py[cdiox]?|so(?:\.\d+)*|pth|egg|lock|log)$|/(?:site|dist)-packages/|/lib/python3"
    r"|/tmp[a-z0-9_]{8}\.json$"  # torch.profiler's trace, before it is packed
)
SYSTEM = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib", "/proc/", "/run/", "/sbin/", "/sys/", "/usr/")
"""Where no data set lies."""
WRITES = os.O_WRONLY | os.O_RDWR

Known = Callable[[str], bool]
Kind = tuple[str, str]
"""A folder, and how the names of its files end."""


@dataclass(slots=True)
class DataFiles:
    """The files that processes read, gathered look by look; `ours` is a folder whose files are our own."""

    ours: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    """Path -> size."""
    _refused: set[str] = field(default_factory=set)
    _maps_after: dict[int, float] = field(default_factory=dict)

    def look(self, pids: Iterable[int]) -> None:
        """Add what these processes have open or mapped now."""
        now = time.monotonic()
        for pid in pids:
            self._add(_open_files(pid, self._is_known))
            if now >= self._maps_after.setdefault(pid, now + 1.0):  # a young process has mapped nothing yet
                self._maps_after[pid] = now + MAPS_AGAIN_S
                self._add(_mapped_files(pid, self._is_known))

    def counted(self) -> tuple[dict[str, int], bool]:
        """Return the data files with their sizes, and whether these are all."""
        found, is_whole = dict(self.seen), len(self.seen) < SEEN_MOST
        deadline = time.monotonic() + COUNT_S
        for path, size in _like(self.seen):
            found[path] = size
            if len(found) >= COUNT_MOST or time.monotonic() > deadline:
                return found, False
        return found, is_whole

    def write(self, path: Path) -> None:
        """Write the raw file."""
        files, is_whole = self.counted()
        limits = (cgroups_of("self").memory_limit(), memory_bytes())
        record = {
            "format": FORMAT,
            "schema": SCHEMA,
            "files": len(files),
            "bytes": sum(files.values()),
            "whole": is_whole,
            "file_systems": sorted(_file_systems(self.seen)),
            "room_bytes": min((limit for limit in limits if limit), default=None),
            "seen": sorted(self.seen),
        }
        path.write_bytes(json.dumps(record).encode() + b"\n")

    def _is_known(self, path: str) -> bool:
        return path in self.seen or path in self._refused

    def _add(self, paths: Iterable[str]) -> None:
        for path in paths:
            size = _size(path) if _may_be_data(path, self.ours) else None
            if size is None or len(self.seen) >= SEEN_MOST:
                self._refused.add(path)
            else:
                self.seen[path] = size


def _may_be_data(path: str, ours: str) -> bool:
    """Return whether a path may be one of a data set's files."""
    if path.startswith(SYSTEM) or path.endswith(" (deleted)"):
        return False
    return not (CODE.search(path) or (ours and path.startswith(ours)))


def _size(path: str) -> int | None:
    """Return the size of a regular file that isn't empty; None of anything else."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) and found.st_size else None


def _open_files(pid: int, is_known: Known) -> Iterator[str]:
    """Yield the files that a process has open for reading and that aren't known yet."""
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for link in links:
        try:
            path = str(link.readlink())
        except OSError:
            continue
        if not path.startswith("/") or is_known(path):
            continue
        about = read_text(Path(f"/proc/{pid}/fdinfo/{link.name}"))
        flags = re.search(r"^flags:\s*(\d+)", about, re.MULTILINE)
        if flags and not int(flags[1], 8) & WRITES:
            yield path


def _mapped_files(pid: int, is_known: Known) -> Iterator[str]:
    """Yield the files that a process has mapped, but not as a program, and that aren't known yet."""
    runs: dict[str, bool] = {}
    for line in read_text(Path(f"/proc/{pid}/maps"), 1 << 22).splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):
            runs[fields[5]] = runs.get(fields[5], False) or "x" in fields[1]
    yield from (path for path, is_program in runs.items() if not is_program and not is_known(path))


def _like(seen: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield files of the kind of those seen: where several of a folder were, or several such folders."""
    kinds: Counter[Kind] = Counter()
    for path in seen:
        folder, _, name = path.rpartition("/")
        kinds[folder, Path(name).suffix] += 1
    beside = Counter((folder.rpartition("/")[0], suffix) for folder, suffix in kinds)
    for (folder, suffix), count in kinds.items():
        if count > 1 and beside[folder.rpartition("/")[0], suffix] == 1:
            yield from _of_kind(folder, suffix)
    for (parent, suffix), count in beside.items():
        for folder in _folders(parent) if count > 1 and parent else ():
            yield from _of_kind(folder, suffix)


def _of_kind(folder: str, suffix: str) -> Iterator[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_alike = entry.name.endswith(suffix) if suffix else "." not in entry.name
                if is_alike and entry.is_file():
                    yield entry.path, entry.stat().st_size
    except OSError:
        return


def _folders(parent: str) -> Iterator[str]:
    try:
        with os.scandir(parent) as entries:
            yield from (entry.path for entry in entries if entry.is_dir())
    except OSError:
        return


def _file_systems(paths: Iterable[str]) -> set[str]:
    """Return the kinds of file system that the files lie on."""
    kinds = {}
    for line in read_text(Path("/proc/self/mountinfo")).splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) > 4 and right:
            kinds[fields[4]] = right.split()[0]
    found = set()
    for path in paths:
        above = (str(folder) for folder in Path(path).parents)
        found.add(next((kinds[folder] for folder in above if folder in kinds), "unknown"))
    return found
