"""Phases that are only turned to share what the next edge reads; rows written through memory come back."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS
from throughput.align.events import Kind, read_events

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
clock: Any = importlib.import_module("throughput_inprocess.clock")
mapped: Any = importlib.import_module("throughput_inprocess.mapped")
recorder: Any = importlib.import_module("throughput_inprocess.recorder")


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    written: list[tuple[int, ...]] = []
    monkeypatch.setattr(recorder.recorder, "rows", written)
    clock.forget()
    yield written
    clock.forget()


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_turns_tile_the_time_to_the_edge(rows: list[tuple[int, ...]]) -> None:
    clk = clock.PhaseClock()
    begun, cpu = clk.t, clk.cpu
    work(0.01)
    clk.turn(clock.BACKWARD)
    work(0.02)
    clk.turn(clock.REST)
    clk.turn(clock.OPTIMIZER)
    time.sleep(0.02)
    assert not rows
    marked = clk.turn(clock.REST)
    ended = clk.enter(clock.LOADER)
    assert [row[4] for row in rows if row[3] > row[2]] == [
        clock.REST, clock.BACKWARD, clock.REST, clock.OPTIMIZER, clock.REST,
    ]  # fmt: skip
    assert (rows[0][2], rows[-1][3], rows[-1][2]) == (begun, ended, marked)
    assert all(before[3] == after[2] for before, after in pairwise(rows))
    assert sum(row[5] for row in rows) == clk.cpu - cpu
    # They share what was read by their lengths: the sleep can't be told apart, and isn't.
    shares = [row[5] / (row[3] - row[2]) for row in rows if row[3] - row[2] > 1_000_000]
    assert max(shares) - min(shares) < 0.01
    assert clk.totals[clock.BACKWARD] >= 20_000_000


def test_a_phase_within_a_turn_is_read_apart(rows: list[tuple[int, ...]]) -> None:
    clk = clock.PhaseClock()
    clk.turn(clock.BACKWARD)
    clk.enter(clock.COPY)
    time.sleep(0.01)
    clk.leave()
    clk.turn(clock.REST)
    clk.edge()
    by_phase = {row[4]: row for row in rows}
    assert set(by_phase) == {clock.REST, clock.BACKWARD, clock.COPY}
    slept = by_phase[clock.COPY]
    assert slept[3] - slept[2] - slept[5] > 9_000_000
    assert clk.phase == clock.REST
    assert not clk.stack


def of_size(number: int) -> tuple[int, ...]:
    return (recorder.STEP, 7, number + 1, 0, number, 2, 8, 0)


def test_rows_come_back_from_all_rooms(tmp_path: Path) -> None:
    own = mapped.MappedRows(str(tmp_path))
    wanted = [of_size(number) for number in range(2 * mapped.ROOM // 64 + 5)]
    for row in wanted:
        own.write(*row)
    file = tmp_path / f"steps-{os.getpid()}.i64"
    assert file.stat().st_size == 3 * mapped.ROOM
    assert read_events(file.open("rb")).of(Kind.STEP).tolist() == [list(row[1:]) for row in wanted]


def test_a_file_just_begun_holds_nothing(tmp_path: Path) -> None:
    mapped.MappedRows(str(tmp_path))
    assert not len(read_events((tmp_path / f"steps-{os.getpid()}.i64").open("rb")).rows)


def test_a_full_disk_makes_rows_wait(
    tmp_path: Path, rows: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = mapped.MappedRows(str(tmp_path))

    def full(*args: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.os, "posix_fallocate", full)
    room = mapped.ROOM // 64
    for number in range(room + 3):
        own.write(*of_size(number))
    assert rows == [of_size(number) for number in range(room, room + 3)]
    written = read_events((tmp_path / f"steps-{os.getpid()}.i64").open("rb"))
    assert len(written.of(Kind.STEP)) == room


def test_no_file_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder.recorder, "folder", str(tmp_path))
    first, second = clock.PhaseClock(), clock.PhaseClock()
    mapped.write_mapped(first)
    mapped.write_mapped(second)
    assert first.write != recorder.recorder.write
    assert second.write == recorder.recorder.write


def test_rows_of_two_files_are_put_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"".join(recorder._ROW.pack(*of_size(n)) for n in (0, 1, 4)))
    (tmp_path / "b").write_bytes(b"".join(recorder._ROW.pack(*of_size(n)) for n in (2, 3)))
    one, other = (read_events((tmp_path / name).open("rb")) for name in "ab")
    assert one.joined(other).of(Kind.STEP)[:, 3].tolist() == [0, 1, 2, 3, 4]
