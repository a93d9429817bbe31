"""Search for the loader settings that are as good as any, in a few runs.

Speed rises with the number of workers until something else is the limit, and falls slowly beyond the CPUs:
one peak, which a search by halves finds. Workers are kept from epoch to epoch meanwhile: starting them anew
is no part of what their number does. No workers at all is another way of loading, and tried apart.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

RUNS_MOST = 10
BETTER = 0.01
"""A setting that gains less isn't worth a further one that way; of equals the smaller is taken."""
AS_GOOD = 0.02
"""Within this of the best, fewer workers are the better choice: they take memory and CPUs."""
EACH_UP_TO = 4
"""Up to so many workers each number is tried; above, powers of two and what lies between the best of them."""
DEEPER = (4, 8)
"""Batches that each worker works ahead, beside torch's 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A DataLoader's settings."""

    num_workers: int
    prefetch_factor: int = 2
    persistent_workers: bool = True
    pin_memory: bool | None = None
    """None: as the script has it."""

    def knobs(self) -> dict[str, int | bool]:
        """Return the arguments by name; those that need workers only where there are some."""
        found: dict[str, int | bool] = {"num_workers": self.num_workers}
        if self.num_workers:
            found |= {
                "prefetch_factor": self.prefetch_factor,
                "persistent_workers": self.persistent_workers,
            }
        return found if self.pin_memory is None else found | {"pin_memory": self.pin_memory}


class _Spent(Exception):
    """All runs are used up."""


class _Runs:
    """Measures each setting once, and no more of them than allowed."""

    def __init__(self, measure: Callable[[Setting], float], most: int) -> None:
        self.measure = measure
        self.most = most
        self.speedups: dict[Setting, float] = {}

    def __call__(self, setting: Setting) -> float:
        if setting not in self.speedups:
            if len(self.speedups) >= self.most:
                raise _Spent
            self.speedups[setting] = self.measure(setting)
        return self.speedups[setting]

    def best(self) -> Setting:
        """Return the setting with the fewest workers, then the shortest queue, of those as good as any."""
        most = max(self.speedups.values())
        good = [setting for setting, found in self.speedups.items() if found >= most * (1 - AS_GOOD)]
        return min(good, key=lambda s: (s.num_workers, s.prefetch_factor, -self.speedups[s]))


def search(
    measure: Callable[[Setting], float],
    cores: int,
    *,
    pins: Callable[[], bool] = lambda: False,
    runs: int = RUNS_MOST,
) -> tuple[Setting, dict[Setting, float]]:
    """Return the setting to take, and the speed-up of each that was tried, in the order of trying.

    Args:
        measure: runs a setting, and returns its speed-up over the script as it is.
        cores: CPUs that may be used; up to twice as many workers are considered.
        pins: whether there is a device to which pinned batches would go; asked after the first runs.
        runs: how often `measure` is called at most.
    """
    tried = _Runs(measure, max(1, runs))
    with contextlib.suppress(_Spent):
        _look_around(tried, cores, pins)
    return tried.best(), tried.speedups


def _look_around(tried: _Runs, cores: int, pins: Callable[[], bool]) -> None:
    steps = ladder(cores)
    at = _peak(len(steps), lambda number: tried(Setting(num_workers=steps[number])))
    _between(tried, steps, at)
    best = tried.best()
    for ahead in DEEPER:
        deeper = replace(best, prefetch_factor=ahead)
        if tried(deeper) < tried(best) * (1 + BETTER):
            break
        best = deeper
    tried(Setting(num_workers=0))
    best = tried.best()
    if pins():
        tried(replace(best, pin_memory=True))
    if best.num_workers:
        tried(replace(tried.best(), persistent_workers=False))


def ladder(cores: int) -> tuple[int, ...]:
    """Return the numbers of workers to begin with, from 1 to twice the cores."""
    most = 2 * cores
    each = range(1, min(most, EACH_UP_TO) + 1)
    doubled = (EACH_UP_TO << n for n in range(1, 16))
    if most <= EACH_UP_TO:
        return tuple(each)
    return tuple(sorted({*each, *(n for n in doubled if n < most), most} - {3}))


def _peak(count: int, value: Callable[[int], float]) -> int:
    """Return where the largest of `count` values is, that rise to one peak and fall; of equals the first."""
    low, high = 0, count - 1
    while high - low > 1:
        left = (low + high) // 2
        if value(left + 1) > value(left) * (1 + BETTER):
            low = left + 1
        else:
            high = left
    return low if low == high or value(low) * (1 + BETTER) >= value(high) else high


def _between(tried: _Runs, steps: tuple[int, ...], at: int) -> None:
    """Try what lies between the best number and those beside it, where that leaves any out."""
    for lower, upper in ((at - 1, at), (at, at + 1)):
        if lower >= 0 and upper < len(steps) and steps[upper] - steps[lower] > 1:
            tried(Setting(num_workers=(steps[lower] + steps[upper]) // 2))
