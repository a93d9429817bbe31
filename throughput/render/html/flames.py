"""Turn a rank's flame graphs and steps into the payload that the page's script draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from throughput.model.attribution import Attribution, StepBreakdown
from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Ints
from throughput.render import view
from throughput.render.html.flame_tree import FlameTree, FrameTable, flame_tree, path_node
from throughput.render.html.payload import Payload

TICK_NS = 1_000.0
MOST = 5_000_000
"""Characters: mail and trackers take files of little more. A larger payload is made again in less detail."""
TICKS_MAX = 2e9
"""Of a whole tab: sums stay within 32 bits."""
ROOTS = {
    "training": "step",
    "blame": "step",
    "workers": "all DataLoader workers",
    "threads": "all threads",
    "kernels": "all GPUs",
}
LABELS = {
    "training": "Training thread",
    "blame": "Blame",
    "workers": "DataLoader workers",
    "threads": "All threads",
    "kernels": "GPU kernels",
}
NOTES = {
    "training": "Where the training thread was; 100 % is the step.",
    "blame": "What the step's time is owed to: waiting is replaced by what it waited for; 100 % is the step.",
    "workers": "What the workers' main threads did while steps ran, idle time included.",
    "threads": "What every thread seen did while steps ran, idle time included.",
    "kernels": "What GPUs ran while torch.profiler recorded, by what launched it and by name; what ran at "
    "once counts each.",
}
OF_STEP = ("training", "blame")


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepRows:
    """A tab's time by step: rows a step, their leaves (from the row before, of the same step), and times."""

    count: Ints
    leaf: Ints
    ticks: Ints
    ns_per_tick: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tab:
    name: str
    now: FlameRows
    then: FlameRows | None
    tree: FlameTree
    rows: _StepRows
    ns_per_tick: float
    base_ns_per_tick: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    """How exactly to tell: `row_ticks` of the mean row of a step, `least` share of a tab that a frame has."""

    row_ticks: int
    least: float = 0.0


DETAILS = (_Detail(row_ticks=64), _Detail(row_ticks=8), _Detail(row_ticks=8, least=1e-4))
"""What a step shows of a frame is a sample or two: a 64th more or less is not seen, an eighth hardly."""
PRUNED = "Frames of under 0.01 % are not shown: their time stands in their callers, to keep the page small."


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
    if not attribution.flames.tabs and not attribution.steps:
        return None
    text = ""
    for detail in DETAILS:
        text = _payload(attribution, then, detail, device=device, baseline=baseline).packed()
        if len(text) <= MOST:
            break
    return text


def _payload(
    attribution: Attribution, then: Flames | None, detail: _Detail, *, device: bool, baseline: str | None
) -> Payload:
    flames, steps = attribution.flames, attribution.steps
    table = FrameTable()
    tabs = [_tab(table, (flames, rows), then, detail, len(steps)) for rows in flames.tabs]
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
            "tabs": [_header(tab, detail) for tab in tabs],
            "steps": {"count": len(steps), "ns_per_tick": _tick(_longest(steps))},
            "baseline": {"name": baseline} if then is not None and baseline else None,
            "links": list(_links(tabs, flames, table)),
        }
    )
    for tab in tabs:
        _add_tab(payload, tab)
    _add_steps(payload, steps)
    return payload


def _tab(
    table: FrameTable, now: tuple[Flames, FlameRows], then: Flames | None, detail: _Detail, steps: int
) -> _Tab:
    rows = now[1]
    base = next((tab for tab in then.tabs if tab.tab == rows.tab), None) if then else None
    of_base = (then, base) if then is not None and base is not None else None
    tree = flame_tree(table, now, of_base, ROOTS[rows.tab], detail.least)
    base_tick = None if tree.base_ns is None else _tick(float(tree.base_ns.sum()))
    tick = _tick(float(tree.self_ns.sum()))
    return _Tab(
        name=rows.tab,
        now=rows,
        then=base,
        tree=tree,
        rows=_by_step(rows, tree, _leaves(tree, tick), detail.row_ticks, steps),
        ns_per_tick=tick,
        base_ns_per_tick=base_tick,
    )


def _tick(whole_ns: float) -> float:
    return max(TICK_NS, whole_ns / TICKS_MAX)


def _longest(steps: Sequence[StepBreakdown]) -> float:
    return max((float(step.duration_ns) for step in steps), default=0.0)


def _header(tab: _Tab, detail: _Detail) -> dict[str, object]:
    return {
        "id": tab.name,
        "label": LABELS[tab.name],
        "whole": "of step" if tab.name in OF_STEP else "of what is shown",
        "note": f"{NOTES[tab.name]} {PRUNED}" if detail.least else NOTES[tab.name],
        "steps": tab.now.steps,
        "ns_per_tick": tab.ns_per_tick,
        "ns_per_row_tick": tab.rows.ns_per_tick,
        "base_steps": None if tab.then is None else tab.then.steps,
        "base_ns_per_tick": tab.base_ns_per_tick,
        "samples": tab.now.samples or None,
        "can_filter": bool(tab.rows.count.any()),
    }


def _add_tab(payload: Payload, tab: _Tab) -> None:
    tree, rows, name = tab.tree, tab.rows, tab.name
    # How many levels each node lies above a child of the node before it: mostly none, which packs best.
    payload.add(f"{name}.up", 1 - np.diff(tree.depth, prepend=-1))
    payload.add(f"{name}.frame", tree.frame)
    if tree.base_ns is not None and tab.base_ns_per_tick is not None:
        payload.add(f"{name}.category", tree.category)
        payload.add(f"{name}.base", tree.base_ns / tab.base_ns_per_tick)
    node, category, ns = tree.parts
    payload.add(f"{name}.part_node", np.diff(node, prepend=0))
    payload.add(f"{name}.part_category", category)
    payload.add(f"{name}.part_ticks", ns / tab.ns_per_tick)
    payload.add(f"{name}.rows", rows.count)
    payload.add(f"{name}.row_leaf", rows.leaf)
    payload.add(f"{name}.row_ticks", rows.ticks)


def _leaves(tree: FlameTree, ns_per_tick: float) -> Ints:
    """Return the nodes with time of their own, most first, so that most rows have small numbers."""
    node, _, ns = tree.parts
    ticks = np.bincount(node, weights=np.rint(ns / ns_per_tick), minlength=len(tree.depth))
    leaves = np.unique(node)
    return leaves[np.argsort(-ticks[leaves], kind="stable")]


def _by_step(rows: FlameRows, tree: FlameTree, leaves: Ints, row_ticks: int, steps: int) -> _StepRows:
    """Return the time of each step by leaf, the number of a node in `leaves`.

    Times are rounded in their running sum, so that those of any steps in a row sum to their time, to a tick.
    """
    place = np.zeros(len(tree.depth), dtype=np.int64)
    place[leaves] = np.arange(len(leaves))
    seen = (rows.step >= 0) & (rows.step < steps)
    node = np.array([tree.node_of[stack] for stack in rows.stack[seen].tolist()], dtype=np.int64)
    size = max(1, len(leaves))
    keys, group = np.unique(rows.step[seen] * size + place[node], return_inverse=True)
    ns = np.bincount(group, weights=rows.step_ns[seen], minlength=len(keys)).astype(np.float64)
    tick = max(TICK_NS, float(ns.sum()) / max(1, len(ns)) / row_ticks)
    ticks = np.diff(np.rint(np.cumsum(ns) / tick), prepend=0).astype(np.int64)
    step, leaf = keys[ticks > 0] // size, keys[ticks > 0] % size
    delta = np.diff(leaf, prepend=0)
    first = np.diff(step, prepend=-1) > 0
    delta[first] = leaf[first]
    count = np.bincount(step, minlength=steps).astype(np.int64)
    return _StepRows(count=count, leaf=delta, ticks=ticks[ticks > 0], ns_per_tick=tick)


def _add_steps(payload: Payload, steps: Sequence[StepBreakdown]) -> None:
    tick = _tick(_longest(steps))
    parts = [step.parts_ns.get(category, 0) / tick for step in steps for category in CATEGORIES]
    payload.add("steps.index", [step.index for step in steps])
    payload.add("steps.parts", parts)


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
