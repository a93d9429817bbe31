"""Turn what the detector wrote into events whose hits are in the order in which they happened."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

HITS, KEPT = 2048, 96
"""Hits that an event has, and those that the model looks at."""


class Run(NamedTuple):
    """What was taken between two stops of the beam."""

    hits: np.ndarray
    """Time, energy and place of each hit; shape (events, hits, 4)."""
    kinds: np.ndarray


def take_run(events: int, rng: np.random.Generator) -> Run:
    """Return a run of simulated events: the kind shows in how the energy decays with time."""
    kinds = rng.integers(0, 5, events)
    hits = rng.random((events, HITS, 4), dtype=np.float32)
    hits[..., 1] *= np.exp(-hits[..., 0] * (2 + 3 * kinds[:, None]))
    return Run(hits, kinds)


def in_order_of_time(hits: np.ndarray) -> np.ndarray:
    """Return the first hits of each event, by the detector's clock."""
    order = np.argsort(hits[..., 0], axis=1, kind="stable")  # PLANTED
    first: np.ndarray = np.take_along_axis(hits, order[:, :KEPT, None], axis=1)
    return first
