"""Turn a rank's flame graphs and steps into the payload that the page's script draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from throughput.model.attribution import Attribution, StepBreakdown
from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows, Flames, Floats
from throughput.model.timeline import Ints
from throughput.render import view
from throughput.render.html.flame_tree import FlameTree, FrameTable, flame_tree, path_node
from throughput.render.html.payload import Payload

TICK_NS = 1_000.0
TICKS_MAX = 2e9
"""Of a whole tab: sums stay within 32 bits."""
ROOTS = {
    "training": "step",
    "blame": "step",
    "workers": "all DataLoader workers",
    "threads": "all threads",
}
LABELS = {
    "training": "Training thread",
    "blame": "Blame",
    "workers": "DataLoader workers",
    "threads": "All threads",
}
NOTES = {
    "training": "Where the training thread was; 100 % is the step.",
    "blame": "What the step's time is owed to: waiting is replaced by what it waited for; 100 % is the step.",
    "workers": "What the workers' main threads did while steps ran, idle time included.",
    "threads": "What every thread seen did while steps ran, idle time included.",
}
OF_STEP = ("training", "blame")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tab:
    name: str
    now: FlameRows
    then: FlameRows | None
    tree: FlameTree
    ns_per_tick: float
    base_ns_per_tick: float | None


def flame_payload(
    attribution: Attribution, then: Flames | None, *, device: bool, baseline: str | None
) -> str | None:
    """Return the payload as text; None where there is neither a stack nor a step to draw.

    Args:
        attribution: the rank that is drawn.
        then: flames of a baseline, None without one or where it has none.
        device: whether the run used a GPU.
        baseline: the baseline's name, None without one.
    """
    flames = attribution.flames
    if not flames.tabs and not attribution.steps:
        return None
    table = FrameTable()
    tabs = [_tab(table, flames, rows, then) for rows in flames.tabs]
    files, frames = table.header()
    payload = Payload(
        {
            "device": device,
            "categories": [
                {
                    "id": category.value,
                    "label": view.label(category, has_device=device),
                    "colour": view.colour(category),
                }
                for category in CATEGORIES
            ],
            "files": files,
            "frames": frames,
            "tabs": [_header(tab) for tab in tabs],
            "steps": {"count": len(attribution.steps), "ns_per_tick": _tick(_longest(attribution.steps))},
            "baseline": {"name": baseline} if then is not None and baseline else None,
            "links": list(_links(tabs, flames, table)),
        }
    )
    for tab in tabs:
        _add_tab(payload, tab, len(attribution.steps))
    _add_steps(payload, attribution.steps)
    return payload.packed()


def _tab(table: FrameTable, flames: Flames, rows: FlameRows, then: Flames | None) -> _Tab:
    base = next((tab for tab in then.tabs if tab.tab == rows.tab), None) if then else None
    of_base = (then, base) if then is not None and base is not None else None
    tree = flame_tree(table, (flames, rows), of_base, ROOTS[rows.tab])
    base_tick = None if tree.base_ns is None else _tick(float(tree.base_ns.sum()))
    return _Tab(
        name=rows.tab,
        now=rows,
        then=base,
        tree=tree,
        ns_per_tick=_tick(float(tree.self_ns.sum())),
        base_ns_per_tick=base_tick,
    )


def _tick(whole_ns: float) -> float:
    return max(TICK_NS, whole_ns / TICKS_MAX)


def _longest(steps: Sequence[StepBreakdown]) -> float:
    return max((float(step.duration_ns) for step in steps), default=0.0)


def _header(tab: _Tab) -> dict[str, object]:
    return {
        "id": tab.name,
        "label": LABELS[tab.name],
        "whole": "of step" if tab.name in OF_STEP else "of what is shown",
        "note": NOTES[tab.name],
        "steps": tab.now.steps,
        "ns_per_tick": tab.ns_per_tick,
        "base_steps": None if tab.then is None else tab.then.steps,
        "base_ns_per_tick": tab.base_ns_per_tick,
        "nodes": len(tab.tree.depth),
        "samples": tab.now.samples,
        "can_filter": bool((tab.now.step >= 0).any()),
    }


def _add_tab(payload: Payload, tab: _Tab, steps: int) -> None:
    tree, name = tab.tree, tab.name
    payload.add(f"{name}.depth", "u16", tree.depth)
    payload.add(f"{name}.frame", "u32", tree.frame)
    payload.add(f"{name}.category", "u8", tree.category)
    payload.add(f"{name}.self", "p32", tree.self_ns / tab.ns_per_tick)
    if tree.base_ns is not None and tab.base_ns_per_tick is not None:
        payload.add(f"{name}.base", "p32", tree.base_ns / tab.base_ns_per_tick)
    node, category, ns = tree.parts
    payload.add(f"{name}.part_node", "p32", np.diff(node, prepend=0))
    payload.add(f"{name}.part_category", "u8", category)
    payload.add(f"{name}.part_ticks", "p32", ns / tab.ns_per_tick)
    rows, node, ns = _by_step(tab, steps)
    payload.add(f"{name}.rows", "u32", rows)
    payload.add(f"{name}.row_node", "p32", node)
    payload.add(f"{name}.row_ticks", "p32", ns / tab.ns_per_tick)


def _by_step(tab: _Tab, steps: int) -> tuple[Ints, Ints, Floats]:
    """Return how many rows each step has, then nodes (from the row before, of the same step) and times."""
    rows = tab.now
    seen = (rows.step >= 0) & (rows.step < steps) & (rows.step_ns >= tab.ns_per_tick / 2)
    node = np.array([tab.tree.node_of[stack] for stack in rows.stack[seen].tolist()], dtype=np.int64)
    size = len(tab.tree.depth)
    keys, place = np.unique(rows.step[seen] * size + node, return_inverse=True)
    ns = np.bincount(place, weights=rows.step_ns[seen], minlength=len(keys)).astype(np.float64)
    step, node = keys // size, keys % size
    delta = np.diff(node, prepend=0)
    first = np.diff(step, prepend=-1) > 0
    delta[first] = node[first]
    return np.bincount(step, minlength=steps).astype(np.int64), delta, ns


def _add_steps(payload: Payload, steps: Sequence[StepBreakdown]) -> None:
    tick = _tick(_longest(steps))
    parts = [step.parts_ns.get(category, 0) / tick for step in steps for category in CATEGORIES]
    payload.add("steps.index", "u32", [step.index for step in steps])
    payload.add("steps.parts", "u32", parts)


def _links(tabs: list[_Tab], flames: Flames, table: FrameTable) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tab, node, tab, node): from the frames of a wait to what was waited for."""
    places = {tab.name: number for number, tab in enumerate(tabs)}
    if "training" not in places or "blame" not in places:
        return
    training, blame = (tabs[places[name]].tree for name in OF_STEP)
    frames = flames.stacks.frames
    for waiting, below in flames.waits:
        source = path_node(training, table, (frames[n] for n in waiting))
        target = path_node(blame, table, (frames[n] for n in below))
        if source and target:
            yield places["training"], source, places["blame"], target
