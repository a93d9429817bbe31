"""A benchmark's file: the same after a round trip, sorted for a diff, refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compare import samples as s
from throughput.compare.saved_file import LARGEST, benchmark_from_json, benchmark_to_json
from throughput.errors import DamagedFile
from throughput.model.benchmark import BENCHMARK_SCHEMA, Benchmark, ProcessSample


def keys(value: object) -> list[list[str]]:
    if isinstance(value, dict):
        return [list(value), *(inner for v in value.values() for inner in keys(v))]
    return [inner for v in value for inner in keys(v)] if isinstance(value, list) else []


def test_it_is_sorted_indented_and_small() -> None:
    data = benchmark_to_json(s.benchmark())
    assert all(names == sorted(names) for names in keys(json.loads(data)))
    assert data.endswith(b"}\n")
    assert max(map(len, data.splitlines())) < 120
    assert len(data) < 10_000


samples_ = st.builds(
    ProcessSample,
    steps=st.integers(1, 10**6),
    mean_ns=st.integers(1, 2**53),
    median_ns=st.integers(0, 2**53),
    categories=st.dictionaries(st.text(max_size=8), st.integers(0, 2**53), max_size=4),
    samples_per_s=st.none() | st.floats(0, 1e9),
)


@given(st.lists(samples_, min_size=1, max_size=4), st.text(max_size=20))
def test_a_round_trip_changes_nothing(processes: list[ProcessSample], name: str) -> None:
    made = replace(s.benchmark(), processes=tuple(processes), name=name)
    assert benchmark_from_json(benchmark_to_json(made), "x.json") == made


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(DamagedFile):
        benchmark_from_json(data, "x.json")


@given(st.data())
def test_a_file_that_was_cut_is_refused(data: st.DataObject) -> None:
    whole = benchmark_to_json(s.benchmark()).rstrip()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DamagedFile) as refused:
        benchmark_from_json(whole[:cut], "main.json")
    assert "main.json" in refused.value.what
    assert refused.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": BENCHMARK_SCHEMA + 1}, "newer throughput"),
        ({"schema": "one"}, "damaged"),
        ({"schema": True}, "damaged"),
        ({"processes": []}, "no timed process"),
        ({"processes": [{"steps": 1, "mean_ns": 0, "median_ns": 0}]}, "no timed process"),
        ({"processes": None}, "damaged"),
        ({"command": 5}, "damaged"),
    ],
)
def test_odd_contents_are_named(change: dict[str, object], words: str) -> None:
    plain = json.loads(benchmark_to_json(s.benchmark())) | change
    with pytest.raises(DamagedFile, match=words):
        benchmark_from_json(json.dumps(plain).encode(), "main.json")


def test_empty_foreign_and_huge_files_are_named() -> None:
    for data, words in ((b"", "is empty"), (b" \n", "is empty"), (b"{}", "no schema"), (b"[1]", "damaged")):
        with pytest.raises(DamagedFile, match=words):
            benchmark_from_json(data, "main.json")
    with pytest.raises(DamagedFile, match="too large"):
        benchmark_from_json(b"1" * (LARGEST + 1), "main.json")


def test_unknown_fields_of_a_later_version_are_left_alone() -> None:
    plain = json.loads(benchmark_to_json(s.benchmark())) | {"later": 1}
    assert isinstance(benchmark_from_json(json.dumps(plain).encode(), "main.json"), Benchmark)
