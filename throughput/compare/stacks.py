"""Name the function behind a change from the flame graphs of both sides, where no hotspot explains it."""

from __future__ import annotations

from dataclasses import dataclass

from throughput.model.flame import Flames

TAB = "blame"
"""Waiting is replaced by what was waited for there, so that a worker's function has its cost."""
MOST_OF_IT = 0.5
"""Of the change: a function that moved by less doesn't explain it."""
Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An own function's time a step on both sides, with what it calls, ns."""

    function: str
    file: str
    base_ns: float
    head_ns: float


def moved_function(base: Flames, head: Flames, change_ns: float) -> Moved | None:
    """Return the innermost own function that moved by most of a change; None where none did."""
    before, now = _totals(base), _totals(head)
    found = []
    for place in {**before, **now}:
        one, other = before.get(place, 0.0), now.get(place, 0.0)
        if (other - one) * change_ns >= MOST_OF_IT * change_ns * change_ns > 0:
            found.append(Moved(function=place[0], file=place[1], base_ns=one, head_ns=other))
    # What calls it moved by as much, and takes longer.
    return min(found, key=lambda one: (max(one.base_ns, one.head_ns), one.function), default=None)


def _totals(flames: Flames) -> dict[Place, float]:
    """Return each own function's time a step, with what it calls; a recursion counts once."""
    frames, stacks = flames.stacks.frames, flames.stacks.stacks
    totals: dict[Place, float] = {}
    for rows in flames.tabs:
        if rows.tab != TAB or not rows.steps:
            continue
        for stack, ns in zip(rows.stack.tolist(), rows.ns.tolist(), strict=True):
            for place in {(frames[n].function, frames[n].file) for n in stacks[stack] if frames[n].own}:
                totals[place] = totals.get(place, 0.0) + ns / rows.steps
    return totals
