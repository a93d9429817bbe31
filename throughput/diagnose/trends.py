"""Find what grows from step to step: steps that get slower, and the function that makes them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from throughput.diagnose import reading
from throughput.diagnose.costs import Cost, worth
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts

BLOCKS = 10
"""Steps are averaged in ten blocks: their medians ignore single spikes, and ten still show a line."""
STUDENT = 2.306
"""97.5 % point of Student's t with 8 degrees of freedom: a line through ten points."""
LEAST_STEPS = 50
"""Five steps a block; fewer give no median worth the name."""
LEAST_GROWTH = 0.10
"""Over the window, of the mean step: clocks, caches and neighbours move steps by less."""

STEADY = 0.85
"""Share of the variance that a line explains; of a single jump, as when a neighbour starts, it is 0.75."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """By how much steps grew over the window; `cost` is what the mean step has grown over the first."""

    cost: Cost
    first_ns: float
    last_ns: float
    steps: int


def step_growth(facts: Facts) -> Growth | None:
    """Return how steps grew, less their waits for a CPU; None where they didn't, steadily."""
    durations = np.array(
        [s.duration_ns - s.parts_ns.get(Category.CPU_STARVED, 0) for s in facts.attribution.steps], np.float64
    )
    if len(durations) < LEAST_STEPS:
        return None
    levels = np.array([np.median(block) for block in np.array_split(durations, BLOCKS)])
    mean = float(durations.mean())
    if mean <= 0:
        return None
    at = np.arange(BLOCKS) - (BLOCKS - 1) / 2
    spread = float((at**2).sum())
    slope = float((at * levels).sum()) / spread
    residual = levels - levels.mean() - slope * at
    error = STUDENT * float(np.sqrt((residual**2).sum() / (BLOCKS - 2) / spread))
    over_window = (slope * BLOCKS, (slope - error) * BLOCKS, (slope + error) * BLOCKS)
    whole = float(((levels - levels.mean()) ** 2).sum())
    if over_window[1] < LEAST_GROWTH * mean or float((residual**2).sum()) > (1 - STEADY) * whole:
        return None
    share, low, high = (growth / 2 / mean for growth in over_window)
    cost = worth(Cost(ns=share * mean, share=share, low=low, high=min(1.0, high)))
    if cost is None:
        return None
    middle, half = float(levels.mean()), slope * BLOCKS / 2
    return Growth(cost=cost, first_ns=max(0.0, middle - half), last_ns=middle + half, steps=len(durations))


def growing_place(facts: Facts) -> tuple[Place, float] | None:
    """Return the own-code line whose time grew most from the first third of the steps to the last.

    Also returns the growth in ns a step. None where no stacks were sampled or nothing grew.
    """
    steps = reading.clean_steps(facts)
    samples, stacks = facts.timeline.samples, facts.timeline.stacks
    third = len(steps) // 3
    if not third or not len(samples.stack):
        return None
    growth: dict[tuple[str, str, int], float] = {}
    edges = ((steps[0].start_ns, steps[third - 1].end_ns, -1), (steps[-third].start_ns, steps[-1].end_ns, 1))
    main = (samples.track == facts.timeline.main_track) & (samples.stack >= 0)
    main &= samples.stack < len(stacks.stacks)
    for start, end, sign in edges:
        length = np.minimum(samples.end_ns, end) - np.maximum(samples.start_ns, start)
        seen = main & (length > 0)
        for stack, ns in zip(samples.stack[seen].tolist(), length[seen].tolist(), strict=True):
            own = [stacks.frames[i] for i in stacks.stacks[stack] if stacks.frames[i].own]
            if own:
                key = (own[-1].file, own[-1].function, own[-1].line)
                growth[key] = growth.get(key, 0.0) + sign * ns / third
    if not growth:
        return None
    (file, function, line), most = max(growth.items(), key=lambda item: item[1])
    return (Place(function=function, file=file, line=line), most) if most > 0 else None
