"""Find the trace files that somebody names: files, folders of ranks, run directories of our own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from throughput.errors import UsageError

ENDINGS = (".json", ".json.gz", ".trace", ".trace.gz")
OWN_TRACE = "torch-trace.json.gz"
"""How runs of our own name a rank's trace."""
NO_TRACES = ("run.json", "report.json", "traces.json")
FILES_MAX = 4_096
"""Of one run: no job that one machine can read has more ranks."""
HASHED_BYTES = 1 << 20
RANK = re.compile(r"(?:rank|worker|kineto)[-_.]?(\d+)|(\d+)(?=(?:\.pt)?(?:\.trace)?\.json)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A trace that a run refers to, instead of a copy of it; `path` is as it was named."""

    path: str
    bytes: int
    sha256: str
    rank: int | None = None


def trace_files(named: Sequence[str]) -> tuple[Path, ...]:
    """Return the trace files among what was named, folders looked into, in the order of their names.

    Raises:
        UsageError: one isn't there, or a folder holds no trace.
    """
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            inside = _inside(path)
            if not inside:
                raise UsageError(
                    f"{path} holds no trace.", hint=f"A trace's name ends with {', '.join(ENDINGS)}."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path} is not there.", hint="Name a trace file, or a folder of traces.")
    unique = tuple(dict.fromkeys(found))
    if len(unique) > FILES_MAX:
        raise UsageError(f"{len(unique):,} traces are more than {FILES_MAX:,}.", hint="Name fewer ranks.")
    return unique


def _inside(folder: Path) -> list[Path]:
    """Return the traces of a folder: of a run directory those of its ranks."""
    own = sorted((folder / "raw").glob(f"rank-*/{OWN_TRACE}")) if (folder / "run.json").is_file() else []
    if own:
        return own
    here = [path for path in folder.iterdir() if _is_trace(path)]
    below = [path for path in folder.glob("*/*") if _is_trace(path)]
    return sorted(here or below, key=_natural)


def _is_trace(path: Path) -> bool:
    return path.name.endswith(ENDINGS) and path.name not in NO_TRACES and path.is_file()


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key by which rank 10 comes after rank 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def rank_in_name(path: Path) -> int | None:
    """Return the rank that a file's name tells; None where it tells none."""
    match = RANK.search(path.name)
    digits = next((group for group in match.groups() if group), "") if match else ""
    return int(digits) if 0 < len(digits) <= 6 else None


def reference_to(path: Path, rank: int | None) -> Reference:
    """Return what finds a file again, and tells whether it is the same."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASHED_BYTES):
            digest.update(block)
    return Reference(path=str(path), bytes=path.stat().st_size, sha256=digest.hexdigest(), rank=rank)


def references_json(references: Sequence[Reference]) -> bytes:
    """Return `raw/traces.json`: the run's raw entries, which stay where they are."""
    return msgspec.json.format(msgspec.json.encode({"schema": 1, "traces": references}), indent=1)
