"""With the stopwatch on: charge to `lock_contention` what the training thread stood still for the GIL.

In this script nothing else blocks it, so that is wall time less run-queue wait less CPU time.
"""

from __future__ import annotations

import time

from stopwatch import watch

at = {"cpu": time.thread_time_ns()}


def enter(phase: str) -> None:
    """Enter a phase, as `watch.enter` does."""
    if watch.out is None:
        return
    before = watch.parts[watch.phase]
    left = watch.enter(phase)
    cpu = time.thread_time_ns()
    blocked = max(0, watch.parts[left] - before - (cpu - at["cpu"]))
    watch.parts[left] -= blocked
    watch.parts["lock_contention"] += blocked
    at["cpu"] = cpu


def step() -> None:
    """End a step."""
    enter("host_work")
    watch.step()
