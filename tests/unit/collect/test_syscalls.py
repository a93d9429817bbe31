"""The sampler sees what real threads and their children are blocked on, and costs little."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.unit.collect.lock_runs import PYTHONS
from throughput.align.syscalls import RawBlocked, read_syscalls
from throughput.collect.blocked_on import CALLS, Reader
from throughput.collect.elf import find_symbol, mapped_range
from throughput.collect.syscalls import INTERPRETERS, RUNTIME, SyscallSampler, children_of
from throughput.model.timeline import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import fcntl, multiprocessing, os, select, sys, threading, time
context = multiprocessing.get_context("fork")
taken = context.Lock(); taken.acquire()
path = sys.argv[1] + "/held"
mine = open(path, "w"); fcntl.flock(mine, fcntl.LOCK_EX)
r, w = os.pipe()
lock = threading.Lock(); lock.acquire()
def flock():
    with open(path, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
def shared_futex(): taken.acquire()
def futex(): lock.acquire()
def poll(): select.select([r], [], [])
def sleep(): time.sleep(60)
def nap(): select.poll().poll(60_000)
def pipe(): os.read(r, 1)
def wait_child(): os.waitpid(child, 0)
def gil1():
    while True: sum(range(1000))
def gil2(): gil1()
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
targets = [flock, shared_futex, futex, poll, sleep, nap, pipe, wait_child, gil1, gil2]
threads = [threading.Thread(target=t, daemon=True, name=t.__name__) for t in targets]
for t in threads: t.start()
print({t.name: t.native_id for t in threads} | {"main": os.getpid(), "child": child}, flush=True)
try:
    sys.stdin.read()
finally:
    os.kill(child, 9)
    os._exit(0)
"""


@pytest.fixture(params=PYTHONS, ids=lambda p: Path(p).parent.parent.name)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, int]]:
    """A process whose threads are each blocked in their own way: name -> native id."""
    running = subprocess.Popen(
        [request.param, "-c", PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    yield ast.literal_eval(running.stdout.readline())
    running.stdin.close()
    running.wait(10)
    running.stdout.close()


def shares(raw: RawBlocked, native_id: int) -> dict[str, float]:
    """Return how much of a thread's time each kind takes, once all have begun."""
    # The first half second is left out: two threads hold the GIL, so that the others take a while to begin.
    mine = (raw.native_id == native_id) & (raw.time_ns > raw.time_ns.min() + 500_000_000)
    total = raw.weight_ns[mine].sum()
    return {
        KINDS[k]: float(raw.weight_ns[mine & (raw.kind == k)].sum() / total)
        for k in np.unique(raw.kind[mine])
    }


def sampled(sampler: SyscallSampler, path: Path, seconds: float) -> RawBlocked:
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    with path.open("rb") as file:
        return read_syscalls(file)


def test_every_way_to_be_blocked_is_told_apart(program: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "syscalls.i64"
    sampler = SyscallSampler(program["main"], path)
    raw = sampled(sampler, path, 1.3)
    assert sampler.status().state == "ok"
    expected = {
        "flock": "file_lock",
        "shared_futex": "shared_futex",
        "futex": "futex",
        "poll": "poll",
        "sleep": "sleep",
        "nap": "sleep",
        "pipe": "poll",
        "wait_child": "wait_child",
        "main": "poll",
        "child": "sleep",
    }
    for name, kind in expected.items():
        assert shares(raw, program[name]).get(kind, 0) > 0.9, (name, shares(raw, program[name]))
    both = [shares(raw, program[name]) for name in ("gil1", "gil2")]
    # On a loaded machine one of the two may keep the GIL most of the time: "running" includes the run queue.
    assert sum(seen.get("gil", 0.0) for seen in both) > 0.2, both
    for seen in both:
        assert seen["running"] > 0.2, seen
        assert seen.get("gil", 0.0) + seen["running"] > 0.95, seen


def test_weights_cover_each_threads_time_once(program: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "syscalls.i64"
    raw = sampled(SyscallSampler(program["main"], path), path, 0.8)
    for native_id in np.unique(raw.native_id):
        mine = raw.native_id == native_id
        start, end = raw.time_ns[mine] - raw.weight_ns[mine], raw.time_ns[mine]
        assert (start[1:] == end[:-1]).all()
        assert 0.5e9 < end[-1] - start[0] < 1.5e9
    addresses = raw.address[(raw.native_id == program["futex"]) & (raw.kind == KINDS.index("futex"))]
    assert len(set(addresses.tolist())) == 1
    assert addresses[0] > 0
    assert (raw.address[raw.kind == KINDS.index("sleep")] == 0).all()
    running = raw.time_ns[raw.native_id == program["gil1"]]
    other = raw.time_ns[raw.native_id == program["gil2"]]
    assert np.isin(running, other).mean() > 0.9  # one tick reads both at the same time


def test_sampling_costs_little_of_a_core(program: dict[str, int], tmp_path: Path) -> None:
    sampler = SyscallSampler(program["main"], tmp_path / "syscalls.i64")
    began = time.monotonic()
    sampler.start()
    time.sleep(1.2)
    sampler.stop()
    lasted = time.monotonic() - began
    assert sampler.cpu_seconds() / lasted < 0.05
    assert sampler.ticks() / lasted > 40


def test_processes_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "syscalls.i64"
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    first, second = subprocess.Popen(sleeper), subprocess.Popen(sleeper)
    sampler = SyscallSampler(first.pid, path)
    sampler.start()
    sampler.add_pids({second.pid, 4_000_000})
    time.sleep(0.4)
    second.kill()
    second.wait()
    sampler.remove_pids({second.pid})
    time.sleep(0.4)
    first.kill()
    first.wait()
    time.sleep(0.2)
    sampler.stop()
    sampler.stop()
    assert sampler.status().state == "ok"
    with path.open("rb") as file:
        raw = read_syscalls(file)
    assert set(raw.pid.tolist()) == {first.pid, second.pid}
    assert raw.time_ns[raw.pid == second.pid].max() < raw.time_ns[raw.pid == first.pid].max()


def test_a_refusal_says_what_would_help(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(fd: int, size: int, offset: int) -> bytes:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pread", refuse)
    sampler = SyscallSampler(os.getpid(), tmp_path / "syscalls.i64")
    sampler.start()
    sampler.stop()
    status = sampler.status()
    assert status.state == "unavailable"
    assert "Operation not permitted" in (status.reason or "")
    assert status.remedy


def test_a_full_disk_ends_the_sampling_only(tmp_path: Path) -> None:
    sampler = SyscallSampler(os.getpid(), tmp_path / "missing" / "syscalls.i64")
    sampler.start()
    sampler.stop()
    assert sampler.status().state == "unavailable"
    assert "can't be written" in (sampler.status().reason or "")


def test_before_it_starts_it_is_off(tmp_path: Path) -> None:
    sampler = SyscallSampler(os.getpid(), tmp_path / "syscalls.i64")
    sampler.stop()
    assert sampler.status().state == "off"


def test_children_are_found_at_any_depth() -> None:
    inner = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", inner], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert {parent.pid, child} <= children_of(os.getpid())
    finally:
        os.kill(child, 9)
        parent.wait()
        parent.stdout.close()


def test_the_interpreters_state_is_found_where_it_is_mapped() -> None:
    found = mapped_range(os.getpid(), RUNTIME, INTERPRETERS)
    assert found is not None
    assert len(found) > 1000
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    ends = [int(words[0].split("-")[1], 16) for words in maps if "w" in words[1]]
    starts = [int(words[0].split("-")[0], 16) for words in maps if "w" in words[1]]
    assert any(start <= found.start < end for start, end in zip(starts, ends, strict=True))


def test_what_is_no_library_has_no_symbols(tmp_path: Path) -> None:
    damaged = tmp_path / "libpython3.so"
    for data in (b"", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 200, b"#!/bin/sh\n" * 50):
        damaged.write_bytes(data)
        find_symbol.cache_clear()
        assert find_symbol(str(damaged), RUNTIME) is None
    assert find_symbol(str(tmp_path / "none"), RUNTIME) is None
    assert mapped_range(4_000_000, RUNTIME, INTERPRETERS) is None


@pytest.mark.parametrize(
    ("machine", "line", "kind"),
    [
        ("x86_64", "running\n", "running"),
        ("x86_64", "202 0x7f0000001000 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc0 0x7f00", "gil"),
        ("x86_64", "202 0x7f0000009000 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc0 0x7f00", "futex"),
        ("x86_64", "202 0x7f0000009000 0x109 0x0 0x0 0x0 0xffffffff 0x7ffc0 0x7f00", "shared_futex"),
        ("x86_64", "202 0x7f0000009000 0x81 0x1 0x0 0x0 0xffffffff 0x7ffc0 0x7f00", "other"),
        ("x86_64", "73 0x3 0x2 0x0 0x0 0x0 0x0 0x7ffc0 0x7f00", "file_lock"),
        ("x86_64", "72 0x3 0x7 0x7ffc1 0x0 0x0 0x0 0x7ffc0 0x7f00", "file_lock"),
        ("x86_64", "72 0x3 0x1 0x7ffc1 0x0 0x0 0x0 0x7ffc0 0x7f00", "other"),
        ("x86_64", "7 0x7ffc1 0x1 0x1388 0x0 0x0 0x0 0x7ffc0 0x7f00", "poll"),
        ("x86_64", "7 0x7ffc1 0x0 0x1388 0x0 0x0 0x0 0x7ffc0 0x7f00", "sleep"),
        ("x86_64", "23 0x0 0x0 0x0 0x0 0x7ffc1 0x0 0x7ffc0 0x7f00", "sleep"),
        ("x86_64", "74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffc0 0x7f00", "io"),
        ("x86_64", "-1 0x7ffc0 0x7f00", "io"),
        ("x86_64", "61 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffc0 0x7f00", "wait_child"),
        ("x86_64", "39 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffc0 0x7f00", "other"),
        ("aarch64", "98 0xffff9000 0x189 0x0 0x0 0x0 0x0 0xffff0 0xffff0", "futex"),
        ("aarch64", "101 0x0 0x0 0x0 0x0 0x0 0x0 0xffff0 0xffff0", "sleep"),
        ("aarch64", "82 0x3 0x0 0x0 0x0 0x0 0x0 0xffff0 0xffff0", "io"),
        ("aarch64", "22 0x3 0x0 0x0 0x0 0x0 0x0 0xffff0 0xffff0", "poll"),
        ("riscv64", "98 0xffff9000 0x189 0x0 0x0 0x0 0x0 0xffff0 0xffff0", "other"),
        ("x86_64", "", "other"),
        ("x86_64", "202", "other"),
        ("x86_64", "nonsense 0x1", "other"),
    ],
)
def test_a_line_of_the_kernel_is_read(machine: str, line: str, kind: str) -> None:
    reader = Reader(os.getpid(), machine, range(0x7F0000000000, 0x7F0000002000))
    found, address = reader.read(line.encode())
    assert KINDS[found] == kind
    assert (address > 0) == (kind in ("gil", "futex", "shared_futex"))


def test_no_call_has_two_meanings() -> None:
    for calls in CALLS.values():
        words = [word for text in calls.values() for word in text.split()]
        names, numbers = words[::2], words[1::2]
        assert len(set(names)) == len(names)
        assert len(set(numbers)) == len(numbers)
