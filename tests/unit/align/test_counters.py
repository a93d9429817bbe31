"""The readers of `counters.jsonl` and `gpu.jsonl`: known lines give known figures, hostile ones none."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align import series
from throughput.align.counters import read_counters, read_host
from throughput.align.gpu import read_gpu
from throughput.errors import DamagedFile
from throughput.model.timeline import Counter

HEADER = {"format": "throughput.counters", "schema": 1, "pid": 5, "page_bytes": 4096}
GPU_HEADER = {
    "format": "throughput.gpu",
    "schema": 1,
    "pids_visible": True,
    "gpus": [{"index": 0, "sm_clock_max_mhz": 2000, "power_limit_mw": 700_000}],
}
SECOND = 1_000_000_000


def raw(*lines: object) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def tick(seconds: float, machine: dict[str, Any], procs: dict[str, Any]) -> dict[str, Any]:
    return {"t": int(seconds * SECOND), "machine": machine, "procs": procs}


def named(counters: tuple[Counter, ...]) -> dict[tuple[str, int | None], list[float]]:
    return {(c.name, c.pid): c.value.tolist() for c in counters}


def test_figures_of_the_machine() -> None:
    before = {
        "cpu_total_ns": 0, "cpu_idle_ns": 0, "cpu_iowait_ns": 0, "cpu_steal_ns": 0, "disk_read_bytes": 100,
        "disk_write_bytes": 0, "net_received_bytes": 10, "net_sent_bytes": 10, "swap_in_pages": 0,
        "psi_cpu_ns": 0, "quota_periods": 10, "throttled_periods": 3, "memory_available_bytes": 70,
    }  # fmt: skip
    after = {
        "cpu_total_ns": 8 * SECOND, "cpu_idle_ns": 2 * SECOND, "cpu_iowait_ns": SECOND,
        "cpu_steal_ns": SECOND, "disk_read_bytes": 2100, "disk_write_bytes": 50, "net_received_bytes": 30,
        "net_sent_bytes": 20, "swap_in_pages": 6, "psi_cpu_ns": SECOND // 2, "quota_periods": 30,
        "throttled_periods": 8, "memory_available_bytes": 60,
    }  # fmt: skip
    counters = read_counters(raw(HEADER, tick(1, before, {}), tick(3, after, {})))
    found = named(counters)
    assert found["machine_cpu_share", None] == [0.75]
    assert found["iowait_share", None] == [0.125]
    assert found["steal_share", None] == [0.125]
    assert found["throttled_share", None] == [0.25]
    assert found["psi_cpu_share", None] == [0.25]
    assert found["disk_read_bytes_per_s", None] == [1000]
    assert found["disk_write_bytes_per_s", None] == [25]
    assert found["net_bytes_per_s", None] == [15]
    assert found["swap_in_per_s", None] == [3]
    assert found["swap_in_bytes_per_s", None] == [3 * 4096]
    assert found["memory_available_bytes", None] == [70, 60]
    assert {c.name: c.time_ns.tolist() for c in counters}["machine_cpu_share"] == [3 * SECOND]


def test_figures_of_the_tree_and_its_processes() -> None:
    early = {
        "started": 1,
        "cpu_ns": 0,
        "oncpu_ns": 0,
        "runq_ns": 0,
        "threads": 2,
        "rss_bytes": 7,
        "major_faults": 0,
    }
    late = {"started": 1, "cpu_ns": SECOND, "oncpu_ns": SECOND, "runq_ns": SECOND * 3, "threads": 3,
            "rss_bytes": 8, "major_faults": 4}  # fmt: skip
    fresh = {
        "started": 9,
        "cpu_ns": 50 * SECOND,
        "oncpu_ns": 50 * SECOND,
        "runq_ns": 0,
        "threads": 1,
        "rss_bytes": 1,
    }
    file = raw(
        HEADER, tick(1, {}, {"5": early, "6": early}), tick(3, {}, {"5": late, "6": fresh, "8": fresh})
    )
    found = named(read_counters(file))
    # 6 is another process under a number used before, 8 is new: neither has a past to subtract.
    assert found["tree_cpus", None] == [0.5]
    assert found["runq_share", None] == [0.75]
    assert found["process_runq_share", 5] == [0.75]
    assert ("process_cpus", 6) not in found
    assert found["major_faults_per_s", None] == [2]
    assert found["rss_bytes", 5] == [7, 8]
    assert found["threads", 8] == [1]
    assert ("machine_cpu_share", None) not in found


def test_a_total_that_fell_gives_no_rate() -> None:
    file = raw(HEADER, tick(1, {"disk_read_bytes": 9}, {}), tick(2, {"disk_read_bytes": 3}, {}))
    assert read_counters(file) == ()


def test_a_line_cut_off_is_left_out() -> None:
    whole = raw(
        HEADER, tick(1, {"memory_available_bytes": 5}, {}), tick(2, {"memory_available_bytes": 6}, {})
    )
    assert named(read_counters(io.BytesIO(whole.getvalue()[:-9]))) == {("memory_available_bytes", None): [5]}


def test_time_never_runs_back() -> None:
    ticks = [tick(s, {"memory_available_bytes": n}, {}) for n, s in enumerate((2, 1, 2, 3))]
    assert named(read_counters(raw(HEADER, *ticks)))["memory_available_bytes", None] == [0, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x00\n\xff\xfe", "no line of JSON"),
        (b"[1, 2]\n", "no line of JSON"),
        (b"[" * 100_000 + b"\n", "no line of JSON"),
        (b'{"t": 5}\n', "no file of the form"),
        (b'{"format": "throughput.counters", "schema": 2}\n', "schema 2"),
        (b'{"format": "throughput.counters", "schema": "x"}\n', "schema x"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(DamagedFile, match=says):
        read_host(io.BytesIO(content))


def test_an_empty_or_missing_file_has_no_counters() -> None:
    assert read_counters(None, None) == ()
    assert read_counters(io.BytesIO(), io.BytesIO()) == ()


def test_hostile_sizes_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "SERIES", 10)
    monkeypatch.setattr(series, "LINE_BYTES", 5000)
    many = {str(n): {"rss_bytes": 1} for n in range(100)}
    long = tick(2, {}, {str(n): {"rss_bytes": 1} for n in range(1000)})
    found = read_counters(raw(HEADER, tick(1, {}, many), long, tick(3, {}, many)))
    assert len(found) == 10
    assert found[0].time_ns.tolist() == [SECOND, 3 * SECOND]
    monkeypatch.setattr(series, "FILE_BYTES", 10)
    assert read_counters(raw(HEADER, tick(1, {}, many))) == ()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)
FIELDS = [
    "cpu_total_ns",
    "cpu_idle_ns",
    "disk_read_bytes",
    "throttled_periods",
    "quota_periods",
    "cpu_ns",
    "rss_bytes",
]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "t": ODD,
                "machine": ODD | st.dictionaries(st.sampled_from(FIELDS), ODD),
                "procs": ODD
                | st.dictionaries(st.text(max_size=3), ODD | st.dictionaries(st.sampled_from(FIELDS), ODD)),
            }
        ),
        max_size=6,
    )
)
def test_no_value_breaks_the_reader(lines: list[dict[str, Any]]) -> None:
    for counter in read_counters(raw(HEADER, *lines)):
        assert len(counter.time_ns) == len(counter.value) > 0
        assert (counter.value >= 0).all()
        if counter.unit == "share":
            assert (counter.value <= 1).all()


def test_figures_of_a_gpu() -> None:
    level = {
        "utilization_percent": 75, "memory_used_bytes": 10, "sm_clock_mhz": 1500, "power_mw": 350_000,
        "temperature_celsius": 60, "throttle_reasons": 0x4 | 0x1, "pcie_received_kb_per_s": 2000,
        "processes": [[5, 100], [77, 200], [78, None]],
    }  # fmt: skip
    counters = read_gpu(raw(GPU_HEADER, {"t": SECOND, "own": [5], "gpus": {"0": level}}))
    found = {c.name: (c.unit, c.value.tolist()) for c in counters}
    assert found["gpu0_utilization_share"] == ("share", [0.75])
    assert found["gpu0_memory_used_bytes"] == ("bytes", [10])
    assert found["gpu0_sm_clock_share"] == ("share", [0.75])
    assert found["gpu0_power_watt"] == ("watt", [350])
    assert found["gpu0_power_share"] == ("share", [0.5])
    assert found["gpu0_temperature_celsius"] == ("celsius", [60])
    assert found["gpu0_throttled_share"] == ("share", [1])
    assert found["gpu0_power_throttled_share"] == ("share", [1])
    assert found["gpu0_thermal_throttled_share"] == ("share", [0])
    assert found["gpu0_pcie_received_bytes_per_s"] == ("per_s", [2e6])
    assert found["gpu0_other_processes"] == ("count", [2])
    assert "gpu0_other_memory_bytes" not in found  # one of them has memory that nobody says


def test_process_numbers_of_the_host_say_nothing_in_a_container() -> None:
    header = {**GPU_HEADER, "pids_visible": False}
    alien = {"t": 1, "own": [5], "gpus": {"0": {"processes": [[70_001, 9]]}}}
    known = {"t": 2, "own": [5], "gpus": {"0": {"processes": [[5, 9], [6, 4]]}}}
    found = {c.name: c.time_ns.tolist() for c in read_gpu(raw(header, alien, known))}
    assert found == {
        "gpu0_own_processes": [2],
        "gpu0_other_processes": [2],
        "gpu0_other_memory_bytes": [2],
    }


def test_odd_gpus_are_left_out() -> None:
    odd = {"t": 1, "own": "x", "gpus": {"9999": {}, "x": {}, "1": 5, "0": {"processes": [5, [1], ["a", 2]]}}}
    assert [c.name for c in read_gpu(raw(GPU_HEADER, odd))] == [
        "gpu0_own_processes",
        "gpu0_other_processes",
        "gpu0_other_memory_bytes",
    ]
    with pytest.raises(DamagedFile):
        read_gpu(raw(HEADER))
