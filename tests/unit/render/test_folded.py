"""Flame graphs kept as folded stacks: small enough to be committed, and read back beside another run."""

from __future__ import annotations

import contextlib
import gzip
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.errors import DamagedFile
from throughput.model.category import CATEGORIES, Category
from throughput.model.flame import FlameRows, Flames, synthetic
from throughput.model.timeline import Frame, Stacks
from throughput.render import folded
from throughput.render.folded import THIN, folded_stacks, read_folded

MS = 1_000_000
MAIN = Frame(function="main", file="train.py", line=20, own=True, first_line=9)
ROUND = Frame(function="round_pixels", file="augment.py", line=13, own=True, first_line=12)
NUMPY = Frame(function="round", file="numpy/_core/fromnumeric.py", line=3700, own=False, module="numpy")
ODD = Frame(function="a;b\n(c)", file="odd;name (1).py", line=3, own=True)
STARVED = synthetic("waits for a CPU")
STACKS = Stacks(frames=(MAIN, ROUND, NUMPY, ODD, STARVED), stacks=((0,), (0, 1), (0, 1, 2), (3,), (4,)))
ROUNDING = "round (numpy/_core/fromnumeric.py:3700)"
LOADING, COMPUTE = CATEGORIES.index(Category.DATA_LOADING), CATEGORIES.index(Category.COMPUTE)


def rows(tab: str, *found: tuple[int, int, float], steps: int = 2) -> FlameRows:
    """Return rows of (stack, category, ms a step)."""
    stack, category, ms = zip(*found, strict=True)
    return FlameRows(
        tab=tab,
        steps=steps,
        samples=9,
        stack=np.array(stack, dtype=np.int64),
        category=np.array(category, dtype=np.int64),
        ns=np.array(ms, dtype=np.float64) * MS * steps,
        step=np.full(len(found), -1, dtype=np.int64),
        step_ns=np.zeros(len(found)),
    )


def flames(*tabs: FlameRows) -> Flames:
    training = rows("training", (0, COMPUTE, 4.0), (2, LOADING, 5.0), (2, LOADING, 0.5), (3, COMPUTE, 0.5))
    return Flames(stacks=STACKS, tabs=tabs or (training, rows("threads", (0, COMPUTE, 3.0))))


def text(found: Flames) -> list[str]:
    packed = folded_stacks(found)
    assert packed is not None
    return gzip.decompress(packed).decode().splitlines()


def times(found: Flames) -> dict[tuple[str, str, tuple[str, ...]], int]:
    """Return ns a step of each tab, category and stack."""
    sums: dict[tuple[str, str, tuple[str, ...]], float] = {}
    for tab in found.tabs:
        for stack, category, ns in zip(
            tab.stack.tolist(), tab.category.tolist(), tab.ns.tolist(), strict=True
        ):
            names = tuple(found.stacks.frames[n].function for n in found.stacks.stacks[stack])
            key = (tab.tab, CATEGORIES[category].value, names)
            sums[key] = sums.get(key, 0.0) + ns / tab.steps
    return {key: round(ns) for key, ns in sums.items()}


def test_lines_hold_tab_category_frames_and_time_a_step() -> None:
    assert text(flames()) == [
        "training;compute;a:b (c) (odd:name (1).py:3) 500000",
        "training;compute;main (train.py:9) 4000000",
        f"training;data_loading;main (train.py:9);round_pixels (augment.py:12);{ROUNDING} 5500000",
    ]


def test_what_was_kept_stands_beside_a_run_with_its_frames() -> None:
    packed = folded_stacks(flames())
    assert packed is not None
    moved = replace(MAIN, line=30, first_line=19)  # the file was edited since
    now = Flames(stacks=Stacks(frames=(moved, ROUND, NUMPY, ODD, STARVED)))
    found = read_folded(packed, now, step_ns=10 * MS)
    assert times(found) == {key: ns for key, ns in times(flames()).items() if key[0] != "threads"}
    assert set(found.stacks.frames) == {moved, ROUND, NUMPY, ODD}


def test_code_that_is_gone_keeps_its_name_and_file() -> None:
    packed = folded_stacks(flames())
    assert packed is not None
    other = replace(ROUND, function="other")
    found = read_folded(packed, Flames(stacks=Stacks(frames=(other,))), step_ns=MS)
    frames = {frame.function: frame for frame in found.stacks.frames}
    assert frames["round_pixels"] == replace(ROUND, line=12, first_line=0)
    assert not frames["round"].own
    assert frames["round"].file == "numpy/_core/fromnumeric.py"


def test_tabs_of_the_step_sum_to_the_step() -> None:
    packed = folded_stacks(flames())
    assert packed is not None
    more = times(read_folded(packed, flames(), step_ns=12 * MS))
    assert more["training", "unattributed", (THIN,)] == 2 * MS
    assert sum(more.values()) == 12 * MS
    less = times(read_folded(packed, flames(), step_ns=5 * MS))
    assert sum(less.values()) == pytest.approx(5 * MS, abs=5)
    slower = times(read_folded(packed, flames(), step_ns=20 * MS, scale=2.0))
    assert slower["training", "compute", ("main",)] == 8 * MS
    assert ("training", "unattributed", (THIN,)) not in slower


def test_workers_keep_what_they_took_and_words_of_ours_stay_words() -> None:
    workers = rows("workers", (2, LOADING, 30.0))
    packed = folded_stacks(flames(rows("blame", (4, COMPUTE, 10.0)), workers))
    assert packed is not None
    found = read_folded(packed, Flames(), step_ns=10 * MS)
    assert [float(tab.ns.sum()) for tab in found.tabs] == [10 * MS, 30 * MS]
    assert STARVED in found.stacks.frames


def test_thin_stacks_are_left_out() -> None:
    thin = flames(rows("training", (0, COMPUTE, 10.0), (1, COMPUTE, 0.0099)))
    assert len(text(thin)) == 1


def test_it_stays_small_and_the_largest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tuple(replace(ROUND, function=f"function_{number:04d}") for number in range(400))
    many = Flames(
        stacks=Stacks(frames=frames, stacks=tuple((number,) for number in range(400))),
        tabs=(rows("training", *((number, COMPUTE, 2.0 + (number == 7)) for number in range(400))),),
    )
    whole = folded_stacks(many)
    assert whole is not None
    monkeypatch.setattr(folded, "BYTES_MAX", len(whole) // 3)
    small = folded_stacks(many)
    assert small is not None
    assert len(small) <= len(whole) // 3
    assert b"function_0007" in gzip.decompress(small)


def test_a_run_without_stacks_keeps_none_and_the_same_run_gives_the_same_bytes() -> None:
    assert folded_stacks(Flames()) is None
    assert folded_stacks(flames(rows("threads", (0, COMPUTE, 3.0)))) is None
    assert folded_stacks(flames()) == folded_stacks(flames())


@pytest.mark.parametrize(
    "lines",
    [
        b"training;compute;main (a.py:1)",
        b"training;compute;main (a.py:1) -5",
        b"training;compute;main (a.py:1) 1e9",
        b"training 5",
        b"threads;compute;main (a.py:1) 5",
        b"training;odd;main (a.py:1) 5",
        b"training;compute;main " + b"9" * 40,
    ],
)
def test_damaged_lines_are_refused(lines: bytes) -> None:
    with pytest.raises(DamagedFile, match="saved stacks are damaged"):
        read_folded(gzip.compress(lines), Flames(), step_ns=MS)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, packed: bool) -> None:
    with contextlib.suppress(DamagedFile):
        read_folded(gzip.compress(data) if packed else data, flames(), step_ns=MS)


def test_a_file_that_unpacks_to_more_than_any_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "UNPACKED_MAX", 100)
    with pytest.raises(DamagedFile, match="larger than any"):
        read_folded(gzip.compress(b"training;compute;main (a.py:1) 5\n" * 50), Flames(), step_ns=MS)
