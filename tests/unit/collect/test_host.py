"""The host sampler sees real processes: their CPU, children and waiting, and costs next to nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from throughput.align.counters import read_counters
from throughput.collect.host import HostSampler
from throughput.collect.proc_counters import ProcCounters, _cgroup_stat, _Threads
from throughput.collect.psutil_counters import PsutilCounters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from throughput.model.timeline import Counter

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PARENT_AND_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
try:
    while True:
        pass
finally:
    child.kill()
"""


@pytest.fixture
def busy() -> Iterator[tuple[int, int]]:
    """A process that burns CPU, and its sleeping child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT_AND_CHILD], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    yield parent.pid, child
    os.killpg(parent.pid, 9)
    parent.wait()
    parent.stdout.close()


def _mean_over_time(counter: Counter) -> float:
    lengths = np.diff(counter.time_ns)
    return float((counter.value[1:] * lengths).sum() / lengths.sum())


@linux
def test_sampler_writes_what_the_reader_reads(busy: tuple[int, int], tmp_path: Path) -> None:
    parent, child = busy
    path = tmp_path / "counters.jsonl"
    sampler = HostSampler(parent, path, interval_s=0.05)
    sampler.start()
    time.sleep(1.5)
    live = sampler.tree_cpu_ns()
    sampler.stop()
    sampler.stop()
    assert sampler.status().state == "ok"
    assert live
    with path.open("rb") as file:
        counters = {(c.name, c.pid): c for c in read_counters(file)}
    # A loop that waits for nothing either runs or stands in the run queue. A tick that was held up reads
    # more than its interval's CPU, the next one less: only over the whole time do they say how much it was.
    cpus = _mean_over_time(counters["tree_cpus", None])
    waiting = _mean_over_time(counters["runq_share", None])
    assert 0.02 < cpus < 1.5
    assert cpus / (1 - waiting) > 0.4
    assert counters["threads", child].value.tolist() == [1.0] * len(counters["threads", child].value)
    assert counters["rss_bytes", parent].value.min() > 1e6
    assert counters["process_cpus", parent].value.mean() > counters["process_cpus", child].value.mean()
    machine = counters["machine_cpu_share", None]
    assert 0 < machine.value.mean() <= 1
    assert (machine.time_ns[1:] > machine.time_ns[:-1]).all()
    assert abs(machine.time_ns[-1] - time.monotonic_ns()) < 5e9
    assert counters["memory_available_bytes", None].value.min() > 0


@linux
def test_sampler_costs_under_two_percent_of_a_core(busy: tuple[int, int], tmp_path: Path) -> None:
    sampler = HostSampler(busy[0], tmp_path / "counters.jsonl")
    begun = time.monotonic()
    sampler.start()
    time.sleep(1.5)
    sampler.stop()
    assert 0 < sampler.cpu_seconds() < 0.02 * (time.monotonic() - begun)


@linux
def test_an_orphan_in_the_session_is_seen_and_so_are_added_processes(busy: tuple[int, int]) -> None:
    parent, child = busy
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        counters = ProcCounters(parent)
        assert counters.pids() == {parent, child}
        counters.add(frozenset({stranger.pid}))
        assert stranger.pid in counters.pids()
    finally:
        stranger.kill()
        stranger.wait()
    assert counters.one(stranger.pid) is None
    assert stranger.pid not in counters.pids()


@linux
def test_a_tree_that_ended_leaves_ticks_without_processes(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = tmp_path / "counters.jsonl"
    sampler = HostSampler(ended.pid, path, interval_s=0.02)
    sampler.start()
    sampler.stop()
    ticks = [json.loads(line) for line in path.read_bytes().splitlines()[1:]]
    assert ticks
    assert all(tick["procs"] == {} for tick in ticks)
    assert sampler.status().state == "ok"


def test_a_folder_that_is_not_there_is_a_status(tmp_path: Path) -> None:
    sampler = HostSampler(os.getpid(), tmp_path / "none" / "counters.jsonl")
    assert sampler.status().state == "off"
    sampler.start()
    sampler.stop()
    status = sampler.status()
    assert status.state == "unavailable"
    assert "counters.jsonl can't be written" in (status.reason or "")
    assert "--out" in (status.remedy or "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
def test_a_full_disk_is_a_status(tmp_path: Path) -> None:
    path = tmp_path / "counters.jsonl"
    path.symlink_to("/dev/full")
    sampler = HostSampler(os.getpid(), path)
    sampler.start()
    sampler.stop()
    assert "No space left" in (sampler.status().reason or "")


def test_psutil_counts_what_proc_counts(busy: tuple[int, int], tmp_path: Path) -> None:
    parent, child = busy
    counters = PsutilCounters(parent)
    assert counters.pids() == {parent, child}
    numbers = counters.one(parent)
    assert numbers is not None
    assert numbers["rss_bytes"] > 1e6
    assert counters.machine()["cpu_total_ns"] > 0
    assert counters.one(2**22 + 1) is None


def test_a_threads_end_takes_nothing_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("7", "100 10 1"), ("8", "50 5 1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "schedstat").write_text(text)
    threads = _Threads(0)
    threads._folder = str(tmp_path)
    assert threads.totals() == {"oncpu_ns": 150, "runq_ns": 15}
    (tmp_path / "8" / "schedstat").unlink()
    (tmp_path / "7" / "schedstat").write_text("130 20 2")
    assert threads.totals() == {"oncpu_ns": 180, "runq_ns": 25}
    (tmp_path / "7" / "schedstat").write_text("4 1 1")  # the number belongs to another thread now
    assert threads.totals() == {"oncpu_ns": 184, "runq_ns": 26}


def test_throttling_of_both_versions() -> None:
    one = _cgroup_stat(b"nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n")
    two = _cgroup_stat(b"usage_usec 1\nnr_periods 10\nnr_throttled 4\nthrottled_usec 5\nnr_bursts 0\n")
    assert one == two == {"quota_periods": 10, "throttled_periods": 4, "throttled_ns": 5000}


def test_an_unreadable_kernel_figure_is_a_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def odd(pid: int) -> None:
        raise ValueError("odd kernel")

    monkeypatch.setattr("throughput.collect.host.open_counters", odd)
    sampler = HostSampler(os.getpid(), tmp_path / "counters.jsonl")
    sampler.start()
    sampler.stop()
    assert sampler.status().reason == "host counters can't be read: ValueError: odd kernel"
    assert read_counters(io.BytesIO()) == ()
