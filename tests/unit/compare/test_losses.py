"""Losses of two runs: the drift of the last ones, and when there is none to tell."""

from __future__ import annotations

import math

import pytest

from throughput.compare.losses import breaks_losses, loss_drift

FALLING = [2.0 / (1 + 0.1 * n) for n in range(100)]


def test_the_last_losses_are_compared() -> None:
    worse = [loss * (1.0 if n < 50 else 1.1) for n, loss in enumerate(FALLING)]
    assert loss_drift(FALLING, worse) == pytest.approx(0.1)
    assert loss_drift(FALLING, FALLING) == 0
    assert loss_drift(FALLING, worse[:60]) == pytest.approx(0.1 * sum(FALLING[50:60]) / sum(FALLING[45:60]))
    # Negative losses (a likelihood) drift by their size.
    assert loss_drift([-x for x in FALLING], [-x for x in worse]) == pytest.approx(-0.1)


@pytest.mark.parametrize(
    "other",
    [
        FALLING[:10],
        [],
        [2 * loss for loss in FALLING],  # began differently: no seed
        [*FALLING[:50], math.nan, *FALLING[51:]],
    ],
)
def test_what_cant_be_compared(other: list[float]) -> None:
    assert loss_drift(FALLING, other) is None


def test_a_change_that_makes_a_loss_no_number() -> None:
    broken = [*FALLING[:30], math.inf]
    assert breaks_losses(FALLING, broken)
    assert not breaks_losses(broken, FALLING)
    assert not breaks_losses(FALLING, FALLING)
    assert not breaks_losses([], [])
