"""Tell on which machine each rank of a run trained: one, or those whose runs were gathered into this one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from throughput.collect.run_directory import RunDirectory
from throughput.model.run import Run

INDEX = "nodes.json"
"""In raw/: which ranks ran where."""
INDEX_BYTES_MAX = 10_000_000
FOLDER = re.compile(r"node-[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine: its run, the folder of what was measured of the machine, and the folders of its ranks."""

    run: Run
    raw: Path
    ranks: tuple[Path, ...]


class NodeEntry(msgspec.Struct, frozen=True):
    """A machine of a gathered run: its folder in raw/, and its ranks."""

    folder: str
    ranks: list[int]


class NodeIndex(msgspec.Struct, frozen=True):
    """`raw/nodes.json` of a gathered run."""

    nodes: list[NodeEntry]
    schema: int = 1


def nodes_of(directory: RunDirectory, run: Run) -> tuple[Node, ...]:
    """Return the machines of a run; ranks that no machine claims belong to the run itself.

    Raises:
        DamagedFile: the run of a machine can't be read.
    """
    left = {int(folder.name.rpartition("-")[2]): folder for folder in directory.ranks()}
    found = []
    for entry in _index(directory.raw).nodes:
        folder = directory.raw / entry.folder
        mine = [left.pop(rank) for rank in sorted(set(entry.ranks)) if rank in left]
        sound = FOLDER.fullmatch(entry.folder) and folder.is_dir() and not folder.is_symlink()
        if mine and sound:
            found.append(Node(run=RunDirectory(folder).read_run(), raw=folder, ranks=tuple(mine)))
        else:
            left |= {int(one.name.rpartition("-")[2]): one for one in mine}
    if left or not found:
        found.append(Node(run=run, raw=directory.raw, ranks=tuple(left[rank] for rank in sorted(left))))
    return tuple(found)


def _index(raw: Path) -> NodeIndex:
    """Return which ranks ran where; nothing of a run of one machine, or where the file is damaged."""
    path = raw / INDEX
    if not path.is_file() or path.is_symlink() or path.stat().st_size > INDEX_BYTES_MAX:
        return NodeIndex(nodes=[])
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeIndex)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NodeIndex(nodes=[])
