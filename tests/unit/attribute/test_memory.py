"""Memory: by process, against its limit; what grows is told from what is filled once and from noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from throughput.attribute.memory import memory_of
from throughput.model.category import Block
from throughput.model.timeline import Counter, Step, Timeline, Track

TICK_NS, STEP_NS = 250_000_000, 50_000_000
TICKS = 80
STEPS = TICKS * TICK_NS // STEP_NS
GB, MB = 1e9, 1e6


def counter(name: str, values: Any, pid: int | None = None) -> Counter:
    values = np.broadcast_to(np.asarray(values, dtype=np.float64), (TICKS,)).copy()
    return Counter(name=name, unit="bytes", time_ns=np.arange(TICKS) * TICK_NS, value=values, pid=pid)


def timeline(*counters: Counter, steps: int = STEPS) -> Timeline:
    machine = (counter("memory_total_bytes", 16 * GB), counter("memory_available_bytes", 10 * GB))
    tracks = [
        Track(pid=pid, tid=1, native_id=pid, name="T", role="worker" if pid > 1 else "training", rank=0)
        for pid in (1, 2, 3)
    ]
    return Timeline(
        rank=0,
        steps=tuple(
            Step(index=n, start_ns=n * STEP_NS, end_ns=(n + 1) * STEP_NS, block=Block.LIGHT)
            for n in range(steps)
        ),
        tracks=tuple(tracks),
        counters=(*machine, *counters),
        window_ns=(0, steps * STEP_NS),
    )


TIME = np.arange(TICKS, dtype=np.float64)
NOISE = np.random.default_rng(7).normal(0, 3 * MB, TICKS)


def test_nothing_was_sampled() -> None:
    assert memory_of(timeline(), {}) is None


def test_peaks_by_process_and_the_tighter_limit() -> None:
    found = memory_of(
        timeline(
            counter("rss_bytes", 2 * GB, 1),
            counter("shared_bytes", 0.5 * GB, 1),
            counter("rss_bytes", 3 * GB, 2),
            counter("pss_bytes", 0.7 * GB, 2),
            counter("rss_bytes", 0.1 * GB, 9),
            counter("memory_shared_bytes", 0.2 * GB),
            counter("gpu0_memory_used_bytes", 5 * GB),
            counter("gpu0_memory_total_bytes", 80 * GB),
        ),
        {"memory_limit_bytes": 8_000_000_000},
    )
    assert found is not None
    assert [(p.pid, p.role) for p in found.processes] == [
        (2, "DataLoader worker"),
        (1, "training process"),
        (9, "other process"),
    ]
    assert (found.processes[0].pss_bytes, found.processes[1].shared_peak_bytes) == (0.7 * GB, 0.5 * GB)
    assert (found.limit_bytes, found.limit_source) == (8 * GB, "control group")
    assert found.shared_memory_bytes == 0.2 * GB
    assert (found.device_peak_bytes, found.device_total_bytes) == (5 * GB, 80 * GB)
    assert found.rss_peak_bytes == 3 * GB
    no_group = memory_of(timeline(counter("rss_bytes", GB, 1)), {"memory_limit_bytes": None})
    assert no_group is not None
    assert (no_group.limit_bytes, no_group.device_peak_bytes) == (16 * GB, None)


def test_growth_a_step_with_its_interval_and_when_the_limit_is_reached() -> None:
    leak = 1 * GB + TIME * 5 * MB + NOISE
    found = memory_of(timeline(counter("rss_bytes", leak, 1)), {})
    assert found is not None
    growth = found.growth
    assert growth is not None
    assert growth.low < 1 * MB < growth.high  # 5 MB a tick of five steps
    assert growth.low > 0.7 * MB
    assert growth.is_steady
    assert growth.role == "training process"
    assert growth.steps_to_limit == pytest.approx(10 * GB / growth.bytes_per_step)


def test_workers_count_together() -> None:
    leaks = [counter("rss_bytes", 1 * GB + TIME * 5 * MB, pid) for pid in (2, 3)]
    found = memory_of(timeline(counter("rss_bytes", GB + NOISE, 1), *leaks), {})
    assert found is not None
    assert found.growth is not None
    assert found.growth.role == "DataLoader workers"
    assert found.growth.bytes_per_step == pytest.approx(2 * MB, rel=0.01)


@pytest.mark.parametrize(
    "level",
    [
        GB + NOISE,
        GB + 400 * MB * (1 - np.exp(-TIME / 8)) + NOISE,
        GB + 300 * MB * (TIME > 40),
        GB + 50 * MB * np.sin(TIME / 3),
        2 * GB - TIME * MB,
    ],
    ids=["noise", "a pool that fills", "one jump", "waves", "it shrinks"],
)
def test_what_does_not_go_on_growing(level: Any) -> None:
    found = memory_of(timeline(counter("rss_bytes", level, 1)), {})
    assert found is not None
    assert found.growth is not None
    assert not (found.growth.is_steady and found.growth.low > 0)


def test_mapped_files_and_shared_memory_are_no_growth() -> None:
    read = TIME * 10 * MB
    found = memory_of(timeline(counter("rss_bytes", GB + read, 1), counter("shared_bytes", read, 1)), {})
    assert found is not None
    assert found.growth is not None
    assert (found.growth.bytes_per_step, found.growth.steps_to_limit) == (0.0, None)


def test_too_short_to_tell() -> None:
    found = memory_of(timeline(counter("rss_bytes", GB, 1), steps=60), {})
    assert found is not None
    assert found.growth is None
    assert found.growth_missing is not None


def own_pages(values: Any, pid: int) -> Counter:
    """Return a counter that is read every three seconds."""
    whole = counter("own_bytes", values, pid)
    return Counter(
        name="own_bytes", unit="bytes", time_ns=whole.time_ns[::12], value=whole.value[::12], pid=pid
    )


@pytest.mark.parametrize(("data", "ends"), [(2 * GB, False), (40 * GB, True)])
def test_pages_that_workers_copy(data: float, ends: bool) -> None:
    """They have the training process's pages until they write to them: resident memory stays as it is."""
    resident = [counter("rss_bytes", data, pid) for pid in (1, 2, 3)]
    copied = [own_pages(0.1 * GB + TIME * 10 * MB, pid) for pid in (2, 3)]
    found = memory_of(timeline(*resident, *copied), {})
    assert found is not None
    growth = found.growth
    assert growth is not None
    assert growth.role == "pages that DataLoader workers copy"
    assert growth.bytes_per_step == pytest.approx(4 * MB, rel=0.01)
    assert growth.is_steady
    assert (growth.steps_to_limit is not None) == ends  # two copies of the data are all that there can be


def test_what_workers_allocate_is_no_copy() -> None:
    level = 1 * GB + TIME * 10 * MB
    leaking = [counter("rss_bytes", level, pid) for pid in (2, 3)]
    own = [own_pages(level, pid) for pid in (2, 3)]
    found = memory_of(timeline(counter("rss_bytes", 2 * GB, 1), *leaking, *own), {})
    assert found is not None
    assert found.growth is not None
    assert (found.growth.role, found.growth.steps_to_limit is not None) == ("DataLoader workers", True)
