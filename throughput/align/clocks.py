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
COARSE_NS, FINE_NS = 2_000_000, 100_000
PROBES_MAX = 4_000


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
    if len(instants) > PROBES_MAX:
        keep = np.linspace(0, len(instants) - 1, PROBES_MAX).astype(np.int64)
        instants, seen = instants[keep], seen[keep]

    def agreement(offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.array([float(np.mean(phase_at(instants + o, *segments) == seen)) for o in offsets])

    if not len(instants):
        return guess_ns, 0.0
    coarse = np.arange(guess_ns, guess_ns + SEARCH_NS, COARSE_NS)
    best = int(coarse[int(np.argmax(agreement(coarse)))])
    fine = np.arange(best - COARSE_NS, best + COARSE_NS, FINE_NS)
    scores = agreement(fine)
    return int(fine[int(np.argmax(scores))]), float(scores.max())
