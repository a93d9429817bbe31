"""The slowest samples of a process: timed between two indices, few rows, and none where samples are quick."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
slow: Any = importlib.import_module("throughput_inprocess.slow_samples")
recorder: Any = importlib.import_module("throughput_inprocess.recorder")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A clock that stands still until a test moves it; no rows, no samples so far."""
    now = [1_000]
    monkeypatch.setattr(slow, "time", types.SimpleNamespace(monotonic_ns=lambda: now[0]))
    monkeypatch.setattr(recorder.recorder, "rows", type(recorder.recorder.rows)())
    slow.forget()
    yield now
    slow.forget()


def fetch(indices: Any, takes: dict[Any, int], clock: list[int]) -> list[Any]:
    """Fetch as torch does: a comprehension over the indices."""

    def sample(index: Any) -> Any:
        clock[0] += takes.get(index, 1)
        return index

    return [sample(index) for index in slow.samples.of(indices)]


def rows() -> list[tuple[int, ...]]:
    return [row[2:5] for row in recorder.recorder.rows]


def test_a_sample_lasts_until_the_next_index_is_taken(clock: list[int]) -> None:
    assert fetch([4, 9, 2], {4: 10, 9: 500, 2: 30}, clock) == [4, 9, 2]
    assert rows() == [(1_000, 1_010, 4), (1_010, 1_510, 9), (1_510, 1_540, 2)]


def test_only_samples_among_the_slowest_make_rows(clock: list[int]) -> None:
    fetch(list(range(10)), dict.fromkeys(range(10), 100), clock)
    fetch(list(range(10, 1000)), {500: 300}, clock)
    assert [index for _, _, index in rows()] == [*range(10), 500]


def test_the_window_begins_with_none(clock: list[int]) -> None:
    fetch(list(range(20)), dict.fromkeys(range(20), 9_000), clock)
    slow.page.set("window_start_ns", 5)
    try:
        fetch([70], {70: 3}, clock)
    finally:
        slow.page.set("window_start_ns", 0)
    assert rows()[-1][2] == 70


def test_quick_samples_are_not_timed(clock: list[int]) -> None:
    indices = [1, 2]
    assert slow.samples.of(indices) is not indices
    slow.samples.count(100, 99 * slow.WORTH_NS)
    assert slow.samples.of(indices) is indices
    slow.samples.count(1, 50 * slow.WORTH_NS)
    assert slow.samples.of(indices) is not indices


def test_timed_indices_are_a_list_like_any(clock: list[int]) -> None:
    timed = slow.samples.of([3, 1, 2])
    assert (timed == [3, 1, 2], len(timed), timed[1], sorted(timed)) == (True, 3, 1, [1, 2, 3])


def test_keys_that_are_no_integers_make_no_row(clock: list[int]) -> None:
    assert fetch(["a", (1, 2), 2**70], {}, clock) == ["a", (1, 2), 2**70]
    assert rows() == []


class OneByOne:
    def __getitem__(self, index: int) -> int:
        return index


class Whole(OneByOne):
    def __getitems__(self, indices: list[int]) -> list[int]:
        return indices


class Subset(Whole):
    """Stands in for torch's."""

    __module__ = "torch.utils.data.dataset"

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset


def test_which_data_sets_give_samples_one_by_one() -> None:
    assert slow.are_one_by_one(OneByOne(), True, False)
    assert slow.are_one_by_one(Subset(OneByOne()), True, False)
    for dataset, collates, iterable in (
        (OneByOne(), False, False),
        (OneByOne(), True, True),
        (Whole(), True, False),
        (Subset(Whole()), True, False),
    ):
        assert not slow.are_one_by_one(dataset, collates, iterable)
