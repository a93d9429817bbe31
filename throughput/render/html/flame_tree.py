"""Turn the rows of a flame graph into one tree: depth-first columns, with a baseline's time beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Frame, Ints
from throughput.render import view

NAME_LENGTH = 300
"""Characters of a function's name; a longer one is cut in the middle."""
Floats = npt.NDArray[np.float64]
Key = tuple[str, str]


@dataclass(slots=True)
class FrameTable:
    """Functions by name and file, whichever line they were seen at: an edit moves lines, not functions."""

    keys: dict[Key, int] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    lines: list[dict[int, float]] = field(default_factory=list)
    """Time at each line, of every function."""

    def number(self, frame: Frame) -> int:
        """Return the number of a frame's function."""
        key = (frame.function, frame.file)
        known = self.keys.get(key)
        if known is None:
            known = self.keys[key] = len(self.frames)
            self.frames.append(frame)
            self.lines.append({})
        return known

    def header(self) -> tuple[list[str], dict[str, list[object]]]:
        """Return the files, and the functions' columns: name, index of the file, busiest line, own."""
        files: dict[str, int] = {}
        columns: dict[str, list[object]] = {"name": [], "file": [], "line": [], "own": []}
        for frame, lines in zip(self.frames, self.lines, strict=True):
            file = view.place(frame.file, 0) if frame.file else ""
            columns["name"].append(view.plain(frame.function, NAME_LENGTH))
            columns["file"].append(files.setdefault(file, len(files)))
            columns["line"].append(max(lines, key=lambda n: lines[n]) if lines else max(frame.line, 0))
            columns["own"].append(int(frame.own))
        return list(files), columns


@dataclass(slots=True)
class FlameTree:
    """A tree whose node 0 is the whole; columns are depth first, children by size.

    Attributes:
        depth: 0 for the root.
        frame: index into the frame table.
        category: index into CATEGORIES: the one that most of the node's time is of.
        self_ns: time in the node itself, over all steps.
        base_ns: the same of the baseline; None without one.
        node_of: stack -> its node, of this run's stacks.
        parts: of each node with time of its own, and each category of it: node, category, ns.
    """

    depth: Ints
    frame: Ints
    category: Ints
    self_ns: Floats
    base_ns: Floats | None
    node_of: dict[int, int]
    parts: tuple[Ints, Ints, Floats]


class _Growing:
    """A tree while stacks are added: each node knows its children by function."""

    def __init__(self, root: int) -> None:
        self.parent = [-1]
        self.frame = [root]
        self.children: list[dict[int, int]] = [{}]

    def child(self, at: int, frame: int) -> int:
        """Return a node's child by function, new where it has none."""
        known = self.children[at].get(frame)
        if known is None:
            known = self.children[at][frame] = len(self.parent)
            self.parent.append(at)
            self.frame.append(frame)
            self.children.append({})
        return known

    def node(self, path: Iterable[int]) -> int:
        """Return the node at the end of a path of functions below the root, adding what is missing."""
        at = 0
        for frame in path:
            at = self.child(at, frame)
        return at


def flame_tree(
    table: FrameTable,
    now: tuple[Flames, FlameRows],
    then: tuple[Flames, FlameRows] | None,
    root: str,
    least: float = 0.0,
) -> FlameTree:
    """Return the tree of one tab.

    Args:
        table: the functions of all trees of the page; those of this one are added.
        now: the run's flames, and the rows of the tab.
        then: the same of a baseline, or None.
        root: name of the root's frame.
        least: share of the whole below which a node is left out; its time is its caller's.
    """
    growing = _Growing(table.number(Frame(function=root, file="", line=0, own=False)))
    node_of = _grow(growing, table, now)
    base_nodes = _grow(growing, table, then) if then else {}
    if least:
        weight = _self(now[1], node_of, len(growing.parent))
        weight += _self(then[1], base_nodes, len(growing.parent)) if then else 0.0
        growing, joined = _pruned(growing, weight, least)
        node_of = {stack: joined[node] for stack, node in node_of.items()}
        base_nodes = {stack: joined[node] for stack, node in base_nodes.items()}
    votes = np.zeros((len(growing.parent), len(CATEGORIES)))
    for (_, rows), nodes in ((now, node_of), *(((then, base_nodes),) if then else ())):
        places = np.array([nodes[stack] for stack in rows.stack.tolist()], dtype=np.int64)
        # A baseline's time decides a colour only where this run has none.
        weight = rows.ns if rows is now[1] else rows.ns * 1e-9
        np.add.at(votes, (places, rows.category), weight)
    self_ns = _self(now[1], node_of, len(growing.parent))
    base_ns = _self(then[1], base_nodes, len(growing.parent)) if then else None
    order, depth = _depth_first(growing, self_ns if base_ns is None else self_ns + base_ns)
    _sum_up(votes, growing.parent)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    nodes = {stack: int(place[node]) for stack, node in node_of.items()}
    return FlameTree(
        depth=depth,
        frame=np.array(growing.frame, dtype=np.int64)[order],
        category=votes.argmax(axis=1)[order],
        self_ns=self_ns[order],
        base_ns=None if base_ns is None else base_ns[order],
        node_of=nodes,
        parts=_parts(now[1], nodes),
    )


def path_node(tree: FlameTree, table: FrameTable, path: Iterable[Frame]) -> int | None:
    """Return the node that a path of frames leads to; None where the tree lacks it."""
    at = 0
    for frame in path:
        number = table.keys.get((frame.function, frame.file))
        at = next((child for child in children(tree, at) if tree.frame[child] == number), -1)
        if at < 0:
            return None
    return at


def children(tree: FlameTree, node: int) -> Iterable[int]:
    """Yield a node's children."""
    depth, at = int(tree.depth[node]), node + 1
    while at < len(tree.depth) and tree.depth[at] > depth:
        if tree.depth[at] == depth + 1:
            yield at
        at += 1


def _grow(growing: _Growing, table: FrameTable, of: tuple[Flames, FlameRows]) -> dict[int, int]:
    """Add a tab's stacks to the tree; return the node of each."""
    flames, rows = of
    frames, stacks = flames.stacks.frames, flames.stacks.stacks
    numbers: dict[int, int] = {}
    used, place = np.unique(rows.stack, return_inverse=True)
    times = np.bincount(place, weights=rows.ns, minlength=len(used)).tolist()
    nodes = {}
    for stack, ns in zip(used.tolist(), times, strict=True):
        path = []
        for number in stacks[stack]:
            known = numbers.get(number)
            if known is None:
                known = numbers[number] = table.number(frames[number])
            path.append(known)
            lines = table.lines[known]
            line = frames[number].line
            if line > 0:
                lines[line] = lines.get(line, 0.0) + ns
        nodes[stack] = growing.node(path)
    return nodes


def _pruned(growing: _Growing, weight: Floats, least: float) -> tuple[_Growing, list[int]]:
    """Return the tree without nodes of under a share of the whole, and the node that has each one's time."""
    _sum_up(weight, growing.parent)
    kept, joined = _Growing(growing.frame[0]), [0]
    for node in range(1, len(growing.parent)):
        above = joined[growing.parent[node]]
        is_kept = weight[node] >= least * weight[0]
        joined.append(kept.child(above, growing.frame[node]) if is_kept else above)
    return kept, joined


def _self(rows: FlameRows, nodes: dict[int, int], size: int) -> Floats:
    used, place = np.unique(rows.stack, return_inverse=True)
    sums = np.bincount(place, weights=rows.ns, minlength=len(used))
    found = np.zeros(size)
    np.add.at(found, [nodes[stack] for stack in used.tolist()], sums)
    return found


def _parts(rows: FlameRows, nodes: dict[int, int]) -> tuple[Ints, Ints, Floats]:
    """Return time by node and category, in the order of the nodes."""
    node = np.array([nodes[stack] for stack in rows.stack.tolist()], dtype=np.int64)
    keys, place = np.unique(node * len(CATEGORIES) + rows.category, return_inverse=True)
    ns = np.bincount(place, weights=rows.ns, minlength=len(keys)).astype(np.float64)
    return keys // len(CATEGORIES), keys % len(CATEGORIES), ns


def _sum_up(values: Floats, parent: list[int]) -> None:
    """Add each node's values to its parent's; parents come before their children."""
    for node in range(len(parent) - 1, 0, -1):
        values[parent[node]] += values[node]


def _depth_first(growing: _Growing, self_ns: Floats) -> tuple[Ints, Ints]:
    """Return nodes in depth-first order, larger children first, and the depth of each."""
    total = self_ns.copy()
    _sum_up(total, growing.parent)
    order, depths = [], []
    waiting = [(0, 0)]
    while waiting:
        node, depth = waiting.pop()
        order.append(node)
        depths.append(depth)
        below = sorted(growing.children[node].values(), key=lambda child: (total[child], -child))
        waiting += [(child, depth + 1) for child in below]
    return np.array(order, dtype=np.int64), np.array(depths, dtype=np.int64)
