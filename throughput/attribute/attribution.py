"""Attribute one rank: split, hotspots, locks, loader and the collectors' own distortion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from throughput.attribute.blame import blame
from throughput.attribute.flames import flames
from throughput.attribute.hotspots import gather, rank_hotspots
from throughput.attribute.loader import loader_summary
from throughput.attribute.locks import lock_report
from throughput.attribute.regions import region_rows
from throughput.attribute.split import breakdowns, nothing, split_rows, split_steps
from throughput.attribute.traced_block import devices_of_block
from throughput.attribute.view import clean_view
from throughput.attribute.waits import lock_time
from throughput.model.attribution import Attribution
from throughput.model.category import Block
from throughput.model.run import CollectorStatus
from throughput.model.timeline import Timeline

OVERHEAD_STEPS_MIN = 3
"""Steps on either side without which a ratio says nothing."""


def attribute(timeline: Timeline, collectors: Mapping[str, CollectorStatus]) -> Attribution:
    """Attribute every nanosecond of every clean step to exactly one category.

    Args:
        timeline: one rank's timeline.
        collectors: name -> status: what a silent source means.

    Returns:
        One breakdown a clean step. What no source explains is `Category.UNATTRIBUTED`, so the parts of a
        step sum to its duration whatever the input. Without clean steps every category is "not measured".
    """
    view = clean_view(timeline)
    if view is None:
        return Attribution(rank=timeline.rank, steps=(), split=nothing(), hotspots=())
    locks = lock_time(view)
    split = split_steps(view, locks)
    found = lock_report(view, locks)
    blamed = list(blame(view, split))
    places, heat = gather(view, blamed)
    ranked = rank_hotspots(view, places, heat, found.hotspots)
    devices, replay = devices_of_block(timeline.device_trace, float(view.durations.mean()))
    return Attribution(
        rank=timeline.rank,
        steps=breakdowns(view, split),
        split=split_rows(view, split, collectors),
        hotspots=ranked[:20],
        locks=found.summaries,
        loader=loader_summary(view),
        functions=ranked,
        overhead=overhead(timeline),
        flames=flames(view, split, blamed, found.costly),
        regions=region_rows(view, split),
        devices=devices,
        trace_replay=replay,
    )


def overhead(timeline: Timeline) -> dict[str, float]:
    """Return for each block's collector the median step time under it over that of the plain light steps."""
    plain = [s.duration_ns for s in timeline.steps if s.block is Block.LIGHT]
    found: dict[str, float] = {}
    with_stacks = (Block.STACKS, Block.DISTURBED)
    for blocks, name in ((with_stacks, "stacks"), ((Block.TORCH,), "torch"), ((Block.CPROFILE,), "cprofile")):
        under = [s.duration_ns for s in timeline.steps if s.block in blocks]
        if len(plain) >= OVERHEAD_STEPS_MIN and len(under) >= OVERHEAD_STEPS_MIN:
            found[name] = float(np.median(under) / np.median(plain))
    return found
