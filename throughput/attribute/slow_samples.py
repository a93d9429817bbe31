"""Find the samples that took longest to fetch in the window, by data-set index."""

from __future__ import annotations

import numpy as np

from throughput.attribute.view import CleanView
from throughput.model.attribution import SlowSample
from throughput.model.timeline import Loader

SHOWN = 10

Slowest = tuple[tuple[SlowSample, ...] | None, str | None]
"""The samples, or None and why there are none."""


def slowest_samples(view: CleanView, loader: Loader) -> Slowest:
    """Return the slowest samples of a loader's data set, an index once, the slowest first."""
    if loader.iterable:
        return None, "not applicable: an iterable data set has no indices"
    if loader.one_by_one is None:
        return None, "not recorded by the version that made this run"
    if not loader.one_by_one:
        return None, "not measured: the data set makes whole batches"
    samples = view.timeline.slow_samples
    mine = np.isin(samples.loader, loader.numbers or (loader.number,))
    inside = mine & (samples.begun_ns >= view.start_ns[0]) & (samples.fetched_ns <= view.end_ns[-1])
    took = (samples.fetched_ns - samples.begun_ns)[inside]
    found: dict[int, SlowSample] = {}
    for number in np.argsort(-took, kind="stable"):
        index, worker = int(samples.index[inside][number]), int(samples.worker[inside][number])
        if took[number] >= 0 and len(found) < SHOWN:
            one = SlowSample(index=index, fetch_ns=int(took[number]), worker=worker if worker >= 0 else None)
            found.setdefault(index, one)
    if not found:
        return None, "not measured: samples are too quick to time, or their indices are no integers"
    return tuple(found.values()), None
