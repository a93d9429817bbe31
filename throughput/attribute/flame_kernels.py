"""Turn what devices ran into rows of a flame graph: below a device what launched it, then kernels by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from throughput.attribute.flame_paths import Path, Paths
from throughput.attribute.flame_rows import NUMBER
from throughput.attribute.intervals import span_of
from throughput.model.category import Category
from throughput.model.flame import FlameRows
from throughput.model.timeline import DEVICE_KINDS, DeviceWork, Ints, Step, no_ints

KERNELS = (Category.COMPUTE, Category.COMMUNICATION)
"""Kinds of device work whose names are those of functions; copies and memory sets are named in words."""
OPENING, CLOSING = "<([{", ">)]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launchers:
    """What launched each span of devices: `name` indexes `names`, -1 where unseen; empty where all are."""

    name: Ints = field(default_factory=no_ints)
    names: tuple[str, ...] = ()


def kernel_rows(
    work: DeviceWork, steps: Sequence[Step], paths: Paths, launchers: Launchers, *, are_shown: bool
) -> FlameRows:
    """Return what devices ran in some steps; what ran at once counts each, so times may exceed the steps'.

    Args:
        work: what devices ran.
        steps: the steps in which it was recorded, in order.
        paths: the graph's stacks; those of the rows are added.
        launchers: what launched each of the work's spans.
        are_shown: whether these are the clean steps, of which a reader can choose some.
    """
    empty = FlameRows(tab="kernels", steps=len(steps), samples=0)
    if len(work.name) != len(work.kind) or not steps:
        return empty
    start = np.array([step.start_ns for step in steps], dtype=np.int64)
    end = np.array([step.end_ns for step in steps], dtype=np.int64)
    step = span_of((work.start_ns + work.end_ns) // 2, start, end)
    inside = np.flatnonzero(step >= 0)
    if not len(inside):
        return empty
    step = step[inside]
    lasted = np.minimum(work.end_ns[inside], end[step]) - np.maximum(work.start_ns[inside], start[step])
    launcher = launchers.name if len(launchers.name) else np.full(len(work.kind), -1, dtype=np.int64)
    columns = (work.device[inside], launcher[inside], work.name[inside], work.kind[inside])
    rows, place = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    stacks = [_stack(paths, work, launchers, row) for row in rows.tolist()]
    keys, row = np.unique(step * len(rows) + place.reshape(-1), return_inverse=True)
    ns = np.bincount(row, weights=lasted).astype(np.float64)
    chosen = keys % len(rows)
    return FlameRows(
        tab="kernels",
        steps=len(steps),
        samples=0,
        stack=np.array(stacks, dtype=np.int64)[chosen],
        category=np.array([NUMBER[kind] for kind in DEVICE_KINDS], dtype=np.int64)[rows[chosen, 3]],
        ns=ns,
        step=keys // len(rows) if are_shown else np.full(len(keys), -1, dtype=np.int64),
        step_ns=ns,
    )


def _stack(paths: Paths, work: DeviceWork, launchers: Launchers, row: Sequence[int]) -> int:
    """Return the stack of a device, a launcher, a name and a kind."""
    device, launcher, name, kind = row
    whole = work.names[name]
    short = short_name(whole) if DEVICE_KINDS[kind] in KERNELS else whole
    path: Path = (paths.word(f"GPU {device}"),)
    if launcher >= 0:
        path = (*path, paths.word(launchers.names[launcher]))
    path = (*path, paths.word(short))
    return paths.stack(path if short == whole else (*path, paths.word(whole)))


def short_name(name: str) -> str:
    """Return a kernel's name without its type, namespaces, template arguments and parameters."""
    depth, kept = 0, []
    for letter in name:
        if letter in OPENING:
            depth += 1
        elif letter in CLOSING and depth:
            depth -= 1
        elif not depth:
            kept.append(letter)
    words = "".join(kept).split()
    return words[-1].rpartition("::")[2] or name if words else name
