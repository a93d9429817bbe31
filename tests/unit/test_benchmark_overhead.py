"""The overhead benchmark: ratios of blocks in lockstep, and two real processes that take turns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import lockstep, overhead, switched


def blocks(step: int, count: int = 20, starved: int = 0) -> list[list[list[int]]]:
    """Return blocks of ten steps, each so long, of which a part is spent waiting for a CPU."""
    block = [[n * (step + starved), n * step, n * starved] for n in range(11)]
    return [block] * count


def test_ratio_is_of_the_clean_blocks_alone() -> None:
    plain, slower = {"blocks": blocks(100)}, {"blocks": [*blocks(500, 2), *blocks(110, 10), *blocks(400, 8)]}
    plain["blocks"][0] = plain["blocks"][0][1:]
    assert lockstep.ratio(plain, slower, (20, 120), cpu=True) == pytest.approx(1.1)


def test_waiting_for_a_cpu_is_no_overhead() -> None:
    plain, starved = {"blocks": blocks(100)}, {"blocks": blocks(100, starved=70)}
    assert lockstep.ratio(plain, starved, (0, 200), cpu=False) == pytest.approx(1.0)


def test_no_clean_block_is_an_error() -> None:
    with pytest.raises(ValueError, match="no block"):
        lockstep.ratio({"blocks": blocks(1)}, {"blocks": blocks(1)}, (0, 5), cpu=True)


def test_interval_holds_its_median() -> None:
    found = overhead.interval([1.0, 1.01, 1.02, 1.03, 1.2])
    assert found["low"] <= found["median"] == 1.02 <= found["high"]


def test_two_loops_take_turns(tmp_path: Path) -> None:
    def run(side: str, steps: int) -> dict[str, Any]:
        out = tmp_path / f"{side}.json"
        words = [sys.executable, *overhead.Loop(16, 4).words(out, steps, 5), str(tmp_path / side)]
        subprocess.run(words, check=True, timeout=100)
        noted: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return noted

    plain, other = lockstep.take_turns(tmp_path, lambda: run("plain", 60), lambda: run("profiled", 40))
    # The shorter side ends first, and the longer goes on alone.
    assert [len(side["blocks"]) for side in (plain, other)] == [13, 9]
    mine, theirs = (
        [(block[0][0], block[-1][0]) for block in side["blocks"][1:9] if len(block) > 1]
        for side in (plain, other)
    )
    assert not [1 for a in mine for b in theirs if a[0] < b[1] and b[0] < a[1]]


def test_turns_with_hooks_are_judged_by_their_neighbours() -> None:
    def rows(lengths_us: list[tuple[float, bool]]) -> list[tuple[int, bool, int]]:
        at, made = 0.0, [(0, False, switched.LIGHT)]
        for length, is_on in lengths_us:
            at += length * 1e3
            made.append((round(at), is_on, switched.LIGHT))
        return made

    def turn(us: float, is_on: bool) -> list[tuple[float, bool]]:
        return [(9 * us, is_on), *[(us, is_on)] * (switched.TURN - 1)]

    # The machine gets slower by and by; the first step of each turn is cold.
    steps = [*turn(1000, False), *turn(1300, True), *turn(1200, False), *turn(1500, True), *turn(1400, False)]
    added, plain = switched.of_turns(rows(steps))
    assert added == pytest.approx([200.0, 200.0])
    assert plain == 1200.0
