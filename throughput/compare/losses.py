"""Compare the losses of two runs of one script: does a setting change what the training learns?"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST = 20
"""Of fewer losses the last ones are still those of the start."""
LAST = 0.25
"""The part of the losses, at the end, that is compared: rounding takes steps to show."""
UNLIKE = 0.05
"""Runs whose very first losses differ by more began differently: the script sets no seed."""


def loss_drift(as_is: Sequence[float], changed: Sequence[float]) -> float | None:
    """Return by how much the mean of the last losses differs, as a share of it, signed.

    None where there are too few, where one is no number, or where the runs began differently.
    """
    count = min(len(as_is), len(changed))
    if count < LEAST or not all(map(math.isfinite, (*as_is[:count], *changed[:count]))):
        return None
    if _apart(as_is[0], changed[0]) > UNLIKE:
        return None
    last = max(1, int(count * LAST))
    before, after = (sum(losses[count - last : count]) / last for losses in (as_is, changed))
    size = sum(map(abs, as_is[count - last : count])) / last
    return (after - before) / size if size else None


def breaks_losses(as_is: Sequence[float], changed: Sequence[float]) -> bool:
    """Return whether a change made a loss no number where as it is all were numbers."""
    count = min(len(as_is), len(changed))
    return all(map(math.isfinite, as_is[:count])) and not all(map(math.isfinite, changed[:count]))


def _apart(one: float, other: float) -> float:
    return abs(other - one) / abs(one) if one else math.inf
