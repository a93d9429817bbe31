"""The slowest samples of the window, and where the loader's bytes came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.attribute.scenes import MS, Scene, columns, ns
from throughput.attribute.loader import loader_summary
from throughput.attribute.reads import flattery
from throughput.attribute.view import clean_view
from throughput.model.attribution import LoaderSummary, ReadSummary, SlowSample
from throughput.model.category import Phase
from throughput.model.timeline import Counter, DataFiles, SlowSamples, Timeline

WORKER = 200


def scene() -> Scene:
    """Ten steps of 100 ms whose batches a worker makes."""
    made = Scene()
    made.loader(1)
    made.track("worker", "worker", pid=WORKER, worker=0)
    for number in range(10):
        made.step((Phase.LOADER, 80), (Phase.REST, 20))
        made.batch(100 * number, 100 * number + 80, 100 * number, 100 * number + 70)
    return made


def summary(timeline: Timeline) -> LoaderSummary:
    view = clean_view(timeline)
    assert view is not None
    found = loader_summary(view)
    assert found is not None
    return found


def with_samples(*rows: tuple[float, float, int, int], **loader: Any) -> Timeline:
    """Return the scene with slow samples: start ms, length ms, index, loader."""
    timeline = scene().timeline()
    begun, length, index, number = columns(
        [(ns(at), round(ms * MS), index, loader_) for at, ms, index, loader_ in rows], 4
    )
    samples = SlowSamples(
        loader=number, worker=index * 0, index=index, begun_ns=begun, fetched_ns=begun + length
    )
    loaders = tuple(replace(one, **({"one_by_one": True} | loader)) for one in timeline.loaders)
    return replace(timeline, slow_samples=samples, loaders=loaders)


def test_an_index_stands_once_with_its_longest_time() -> None:
    found = summary(with_samples((10, 5, 7, 1), (30, 40, 3, 1), (200, 9, 7, 1)))
    assert found.slowest == (
        SlowSample(index=3, fetch_ns=40 * MS, worker=0),
        SlowSample(index=7, fetch_ns=9 * MS, worker=0),
    )
    assert found.slowest_reason is None
    # A batch of 8 is fetched in 35 ms.
    assert found.sample_ns == pytest.approx(35 * MS / 8)


def test_samples_outside_the_window_or_of_another_loader_are_left_out() -> None:
    outside = ((-50.0, 30.0, 1, 1), (990.0, 30.0, 2, 1), (100.0, 60.0, 4, 2))
    found = summary(with_samples(*outside, (500, 20, 3, 1)))
    assert found.slowest is not None
    assert [one.index for one in found.slowest] == [3]


def test_ten_are_shown() -> None:
    found = summary(with_samples(*((10.0 * n, n + 1.0, n, 1) for n in range(25))))
    assert found.slowest is not None
    assert [one.index for one in found.slowest] == list(range(24, 14, -1))


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        ({"iterable": True}, "not applicable"),
        ({"one_by_one": None}, "not recorded"),
        ({"one_by_one": False}, "whole batches"),
        ({}, "too quick"),
    ],
)
def test_why_there_are_none(loader: dict[str, Any], words: str) -> None:
    found = summary(with_samples(**loader))
    assert found.slowest is None
    assert words in str(found.slowest_reason)


FILES = DataFiles(files=2, size_bytes=9_000, is_whole=True, file_systems=("ext4",), room_bytes=1_000)


def with_reads(asked: float, storage: float, files: DataFiles | None = FILES) -> LoaderSummary:
    """Return the summary of a loader that read so many bytes a second in the window, and others outside."""
    times = np.array([ns(at) for at in (-250, 0, 250, 500, 750, 1000, 1250)], dtype=np.int64)

    def counter(name: str, value: float, pid: int) -> Counter:
        other = 1e12 if value else 0.0
        values = np.array([other, other, value, value, value, value, other])
        return Counter(name=name, unit="per_s", time_ns=times, value=values, pid=pid)

    counters = (
        counter("process_read_any_bytes_per_s", asked, WORKER),
        counter("process_read_bytes_per_s", storage, WORKER),
        counter("process_read_any_bytes_per_s", 7e11, 100),
    )
    return summary(replace(scene().timeline(), counters=counters, data_files=files))


def test_the_share_that_came_from_memory() -> None:
    reads = with_reads(100e6, 3e6).reads
    assert reads is not None
    assert reads.memory_share == pytest.approx(0.97)
    assert reads.read_bytes_per_s == pytest.approx(100e6)
    assert (reads.data_bytes, reads.data_files, reads.room_bytes) == (9_000, 2, 1_000)
    note = flattery(reads)
    assert note is not None
    assert "97" in note
    assert "will not fit" in note
    fits = replace(reads, data_bytes=700)
    cold = replace(reads, memory_share=0.2)
    unknown = replace(reads, data_bytes=None)
    assert [flattery(one) for one in (fits, cold, unknown)] == [None] * 3
    assert "at least" in str(flattery(replace(reads, data_is_whole=False)))


@pytest.mark.parametrize(
    ("asked", "storage", "files", "words"),
    [
        (1e5, 1e4, FILES, "next to nothing"),
        (1e5, 90e6, FILES, "mapped"),
        (50e6, 0, replace(FILES, file_systems=("fuse.sshfs",)), "fuse.sshfs"),
        (50e6, 0, None, "no read from storage was counted"),
    ],
)
def test_why_the_share_is_not_known(asked: float, storage: float, files: DataFiles, words: str) -> None:
    reads = with_reads(asked, storage, files).reads
    assert reads is not None
    assert reads.memory_share is None
    assert words in str(reads.reason)


def test_reading_ahead_is_no_mapping() -> None:
    reads = with_reads(50e6, 60e6).reads
    assert reads is not None
    assert reads.memory_share == 0


def test_a_machine_that_counts_nothing_says_nothing() -> None:
    assert summary(scene().timeline()).reads is None
    without_counters = summary(replace(scene().timeline(), data_files=FILES)).reads
    assert without_counters is not None
    assert "too short" in str(without_counters.reason)
    assert without_counters == replace(without_counters, read_bytes_per_s=None, memory_share=None)
    assert isinstance(without_counters, ReadSummary)
