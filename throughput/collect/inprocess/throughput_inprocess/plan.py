"""Say when steps are steady, and how many of the window's steps each collector gets."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

ALIKE, ALIKE_STEPS = 0.2, 5
"""Steps are steady when so many differ in median by less than 20 % from as many before."""
BLOCK_STEPS_MAX, BLOCK_NS_MAX = 20, 8_000_000_000
"""A heavy block needs no more: counts and proportions settle, and traces take 70 to 1,100 kB a step."""
SHAPED_STEPS_MAX = 5
"""Shapes repeat from step to step: so many, and at most a third of those under torch.profiler, show them."""


def is_steady(durations: list[int]) -> bool:
    """Return whether the last steps took about as long as those before them."""
    if len(durations) < 2 * ALIKE_STEPS:
        return False
    before = _median(durations[-2 * ALIKE_STEPS : -ALIKE_STEPS])
    return abs(_median(durations[-ALIKE_STEPS:]) - before) < ALIKE * before


def make(asked: int, durations: list[int], collectors: Collection[str]) -> tuple[int, int, int]:
    """Return how many steps run with light timers, under torch.profiler, and under cProfile."""
    typical = _median(durations[-10:]) if durations else 1
    most = max(3, min(BLOCK_STEPS_MAX, int(BLOCK_NS_MAX / max(typical, 1))))
    each = min(asked // 8, most)
    torch_steps = each if "torch" in collectors else 0
    cprofile_steps = each if "cprofile" in collectors else 0
    return (asked - torch_steps - cprofile_steps, torch_steps, cprofile_steps)


def shaped_steps(plan: tuple[int, int, int]) -> int:
    """Return how many steps record shapes, on top of the window: the same number on all ranks."""
    return min(SHAPED_STEPS_MAX, -(-plan[1] // 3))


def _median(values: list[int]) -> int:
    """Return the upper median (the statistics module is too slow to import in every process)."""
    return sorted(values)[len(values) // 2]
