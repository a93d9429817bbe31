"""Find the trace files that somebody names: files, folders of ranks, runs of our own; open them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from throughput.collect.secrets import mask
from throughput.errors import DamagedFile, UsageError, said
from throughput.flows.far_files import far_traces, is_far, open_far

ENDINGS = (".json", ".json.gz", ".trace", ".trace.gz")
OWN_TRACE = "torch-trace.json.gz"
"""How runs of our own name a rank's trace."""
OWN = re.compile(rf"raw/rank-\d+/{re.escape(OWN_TRACE)}")
NO_TRACES = ("run.json", "report.json", "traces.json")
FILES_MAX = 4_096
"""Of one run: no job that one machine can read has more ranks."""
REST_BYTES = 1 << 20
RANK = re.compile(r"(?:rank|worker|kineto)[-_.]?(\d+)|(\d+)(?=(?:\.pt)?(?:\.trace)?\.json)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A trace that a run refers to, instead of a copy of it; `path` is as it was named."""

    path: str
    bytes: int
    sha256: str
    rank: int | None = None


class CountedFile:
    """A file whose bytes are counted and hashed as they are read: a trace is read once, near or far."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._digest = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            DamagedFile: the disk or the network fails.
        """
        try:
            data = self._file.read(size)
        except Exception as error:  # noqa: BLE001 - each file system raises what it likes
            what = f"{self._name} can't be read to its end: {mask(said(error))}."
            raise DamagedFile(what, hint="Copy it here, and try again.") from None
        self.bytes += len(data)
        self._digest.update(data)
        return data

    def sha256(self) -> str:
        """Return the hash of the whole file; what was not read yet is read now."""
        while self.read(REST_BYTES):
            pass
        return self._digest.hexdigest()


def trace_files(named: Sequence[str]) -> tuple[str, ...]:
    """Return the trace files among what was named, folders looked into, in the order of their names.

    Raises:
        UsageError: one isn't there, or a folder holds no trace.
    """
    found: list[str] = []
    for name in named:
        inside = far_traces(name, chosen) if is_far(name) else _near_traces(name)
        if not inside:
            raise UsageError(
                f"{mask(name)} holds no trace.", hint=f"A trace's name ends with {', '.join(ENDINGS)}."
            )
        found += inside
    unique = tuple(dict.fromkeys(found))
    if len(unique) > FILES_MAX:
        raise UsageError(f"{len(unique):,} traces are more than {FILES_MAX:,}.", hint="Name fewer ranks.")
    return unique


def _near_traces(name: str) -> list[str]:
    path = Path(name)
    if path.is_dir():
        patterns = ("*", "*/*", f"raw/rank-*/{OWN_TRACE}")
        inside = {p.relative_to(path).as_posix() for one in patterns for p in path.glob(one) if p.is_file()}
        return [str(path / one) for one in chosen(sorted(inside))]
    if path.is_file():
        return [str(path)]
    raise UsageError(f"{path} is not there.", hint="Name a trace file, or a folder of traces.")


def chosen(names: Sequence[str]) -> list[str]:
    """Return the traces among a folder's files: of a run directory those of its ranks, else the topmost."""
    own = [name for name in names if OWN.fullmatch(name)] if "run.json" in names else []
    by_depth: dict[int, list[str]] = {}
    for name in names:
        if name.endswith(ENDINGS) and name_of(name) not in NO_TRACES:
            by_depth.setdefault(name.count("/"), []).append(name)
    topmost = by_depth[min(by_depth)] if by_depth else []
    return sorted(own or topmost, key=_natural)


def name_of(source: str) -> str:
    """Return the last part of a path or URL."""
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which rank 10 comes after rank 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def rank_in_name(source: str) -> int | None:
    """Return the rank that a file's name tells; None where it tells none."""
    match = RANK.search(name_of(source))
    digits = next((group for group in match.groups() if group), "") if match else ""
    return int(digits) if 0 < len(digits) <= 6 else None


def open_trace(source: str) -> BinaryIO:
    """Open a trace file, near or far.

    Raises:
        UsageError: a package to read it is missing.
        DamagedFile: it can't be opened.
    """
    if is_far(source):
        return open_far(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise DamagedFile(
            f"{source} can't be opened: {error.strerror or error}.", hint="See that you may read it."
        ) from None


def references_json(references: Sequence[Reference]) -> bytes:
    """Return `raw/traces.json`: the run's raw entries, which stay where they are."""
    return msgspec.json.format(msgspec.json.encode({"schema": 1, "traces": references}), indent=1)
