"""Find the offset between py-spy's clock and the run's: where its stacks agree best with the light timers.

py-spy prints no absolute time. Its stacks show whether the training thread was in the loader, in backward or
in an optimizer; the light timers know when it was. The offset is the one at which they agree most, near the
moment at which py-spy was started.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from throughput.model.timeline import Ints

SEARCH_NS = 400_000_000
"""py-spy attaches within 0.05 to 0.3 s of its start."""
COARSE_NS, FINE_NS = 500_000, 100_000
"""A step of 4 ms on a GPU has phases of 1 ms: twice as coarse and they are missed."""
COARSE_PROBES, FINE_PROBES = 1_500, 4_000
"""Instants that are compared at each offset."""


def phase_at(times: Ints, start: Ints, end: Ints, phase: Ints) -> Ints:
    """Return the phase of the segment that holds each time; -1 where none does."""
    if not len(start):
        return np.full(len(times), -1, dtype=np.int64)
    place = np.searchsorted(start, times, side="right") - 1
    inside = (place >= 0) & (times < end[np.maximum(place, 0)])
    return np.where(inside, phase[np.maximum(place, 0)], -1)


def find_offset(
    instants: Ints, seen: Ints, segments: tuple[Ints, Ints, Ints], guess_ns: int
) -> tuple[int, float]:
    """Return (ns to add to py-spy's times, share of instants that agree there).

    Args:
        instants: times of samples of the training thread, ns on py-spy's clock.
        seen: the phase that each sample's frames show.
        segments: start, end and phase of the light timers' segments, sorted by start.
        guess_ns: the run's clock when py-spy was started.
    """

    def agreement(offsets: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.float64]:
        keep = np.linspace(0, len(instants) - 1, min(most, len(instants))).astype(np.int64)
        times, phases = instants[keep], seen[keep]
        return np.array([float(np.mean(phase_at(times + o, *segments) == phases)) for o in offsets])

    if not len(instants):
        return guess_ns, 0.0
    coarse = np.arange(guess_ns, guess_ns + SEARCH_NS, COARSE_NS)
    best = int(coarse[int(np.argmax(agreement(coarse, COARSE_PROBES)))])
    fine = np.arange(best - COARSE_NS, best + COARSE_NS, FINE_NS)
    scores = agreement(fine, FINE_PROBES)
    return int(fine[int(np.argmax(scores))]), float(scores.max())
