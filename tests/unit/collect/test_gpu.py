"""The GPU sampler with a made-up NVML: what it writes, what old drivers lack, what it says without one."""

from __future__ import annotations

import builtins
import json
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from throughput.align.gpu import read_gpu
from throughput.collect.gpu import GpuSampler, machine_facts

if TYPE_CHECKING:
    from pathlib import Path


class NVMLError(Exception):
    """As in pynvml: the base of all."""


class LibraryNotFound(NVMLError):
    """As NVMLError_LibraryNotFound."""


class FakeNvml(ModuleType):
    """Two GPUs; a function that is not set does not exist, one named in `refused` raises."""

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.NVMLError = NVMLError
        self.NVMLError_LibraryNotFound = LibraryNotFound
        self.refused: set[str] = set()
        self.count = 2
        self.ended = 0
        user = SimpleNamespace(pid=5, usedGpuMemory=1000)
        alien = SimpleNamespace(pid=9, usedGpuMemory=(1 << 64) - 1)
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlSystemGetDriverVersion": b"570.1",
            "nvmlDeviceGetName": "H200",
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetMaxClockInfo": 1980,
            "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:01:00.0"),
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=50, memory=25),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=3, total=7),
            "nvmlDeviceGetClockInfo": 990,
            "nvmlDeviceGetPowerUsage": 70_000,
            "nvmlDeviceGetTemperature": 40,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0x20,
            "nvmlDeviceGetComputeRunningProcesses": [user, alien],
            "nvmlDeviceGetGraphicsRunningProcesses": [],
            "nvmlDeviceGetPcieThroughput": 500,
            "nvmlDeviceGetTotalEnergyConsumption": 12_000,
            "nvmlGpmQueryDeviceSupport": SimpleNamespace(isSupportedDevice=1),
            "nvmlGpmSampleGet": None,
            "nvmlGpmSampleFree": None,
        }
        self.NVML_GPM_METRICS_GET_VERSION = 1
        self.samples: list[object] = []
        for name, answer in answers.items():
            setattr(self, name, self._function(name, answer))

    def _function(self, name: str, answer: object) -> Any:
        def call(*_arguments: object) -> object:
            if name in self.refused:
                raise NVMLError(name)
            return answer

        return call

    def nvmlGpmSampleAlloc(self) -> object:  # noqa: N802 - NVML's name
        self.samples.append(object())
        return self.samples[-1]

    def c_nvmlGpmMetricsGet_t(self) -> Any:  # noqa: N802 - NVML's name
        return SimpleNamespace(metrics=[SimpleNamespace(value=0.0, nvmlReturn=0) for _ in range(8)])

    def nvmlGpmMetricsGet(self, asked: Any) -> None:  # noqa: N802 - NVML's name
        """Answer with the metric's number as percent; refuse that of the memory's bandwidth (10)."""
        assert asked.sample1 is not asked.sample2
        for metric in asked.metrics[: asked.numMetrics]:
            metric.value, metric.nvmlReturn = float(metric.metricId), int(metric.metricId == 10)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - NVML's name
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVML's name
        return index

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.ended += 1


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """A machine with two GPUs."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def sample(path: Path, seconds: float = 0.1) -> GpuSampler:
    sampler = GpuSampler(path, lambda: frozenset({5}), interval_s=0.02)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    sampler.stop()
    return sampler


def test_sampler_writes_what_the_reader_reads(nvml: FakeNvml, tmp_path: Path) -> None:
    path = tmp_path / "gpu.jsonl"
    assert sample(path).status().state == "ok"
    assert nvml.ended == 1
    with path.open("rb") as file:
        found = {c.name: c.value.tolist() for c in read_gpu(file)}
    assert found["gpu0_utilization_share"][0] == 0.5
    assert found["gpu1_memory_busy_share"][0] == 0.25
    assert found["gpu1_sm_clock_share"][0] == 0.5
    assert found["gpu0_power_share"][0] == pytest.approx(0.1)
    assert found["gpu0_thermal_throttled_share"][0] == 1.0
    assert found["gpu0_other_processes"][0] == 1.0
    assert found["gpu0_own_processes"][0] == 1.0
    assert found["gpu0_energy_joule"][0] == 12.0
    assert found["gpu1_sm_active_share"][0] == pytest.approx(0.02)
    assert found["gpu1_tensor_active_share"][0] == pytest.approx(0.05)
    assert "gpu0_dram_active_share" not in found  # refused
    assert "gpu0_other_memory_bytes" not in found  # the driver does not say it
    ticks = len(found["gpu0_utilization_share"])
    links = len(found["gpu0_pcie_sent_bytes_per_s"]), len(found["gpu1_pcie_sent_bytes_per_s"])
    assert ticks >= 2
    assert sum(links) == ticks  # one GPU's link a tick
    assert abs(links[0] - links[1]) <= 1


def test_what_a_gpu_refuses_is_absent(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.refused = {
        "nvmlDeviceGetUtilizationRates",  # as on a MIG slice
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetGraphicsRunningProcesses",
    }
    path = tmp_path / "gpu.jsonl"
    assert sample(path).status().state == "ok"
    level = json.loads(path.read_bytes().splitlines()[1])["gpus"]["1"]
    assert "utilization_percent" not in level
    assert "processes" not in level
    assert level["temperature_celsius"] == 40


def test_a_gpu_without_activity_counters_has_none(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.refused = {"nvmlGpmQueryDeviceSupport"}  # before Hopper
    path = tmp_path / "gpu.jsonl"
    assert sample(path).status().state == "ok"
    level = json.loads(path.read_bytes().splitlines()[-1])["gpus"]["1"]
    assert "sm_active_percent" not in level
    assert level["energy_mj"] == 12_000


def test_processes_of_the_run_are_known_also_before_they_are_told(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"format": "throughput.gpu", "schema": 1, "gpus": [], "pids_visible": True}
    ]
    for t, own in ((1, []), (2, [5])):
        lines.append({"t": t, "own": own, "gpus": {"0": {"processes": [[5, None], [9, None]]}}})
    path = tmp_path / "gpu.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    with path.open("rb") as file:
        found = {c.name: c.value.tolist() for c in read_gpu(file)}
    assert found["gpu0_other_processes"] == [1.0, 1.0]
    assert found["gpu0_own_processes"] == [1.0, 1.0]


def test_facts_name_driver_and_gpus(nvml: FakeNvml) -> None:
    facts = machine_facts(nvml)
    assert facts["driver"] == "570.1"
    assert [gpu["name"] for gpu in facts["gpus"]] == ["H200", "H200"]
    assert facts["gpus"][0]["pci_bus_id"] == "00000000:01:00.0"
    assert "pcie_width" not in facts["gpus"][0]


def test_a_driver_that_goes_away_is_a_status(nvml: FakeNvml, tmp_path: Path) -> None:
    def gone(*_arguments: object) -> object:
        raise RuntimeError("GPU is lost")

    nvml.nvmlDeviceGetPowerUsage = gone  # type: ignore[attr-defined]
    status = sample(tmp_path / "gpu.jsonl").status()
    assert status.state == "failed"
    assert status.reason == "NVML stopped answering: RuntimeError: GPU is lost"
    assert nvml.ended == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [(LibraryNotFound(), "no NVIDIA driver"), (NVMLError("no permission"), "NVML refused: no permission")],
)
def test_without_a_driver_it_says_so(
    nvml: FakeNvml, error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(nvml, "nvmlInit", refuse, raising=False)
    status = sample(tmp_path / "gpu.jsonl", 0).status()
    assert (status.state, status.reason) == ("unavailable", reason)
    assert status.remedy
    assert not (tmp_path / "gpu.jsonl").exists()


def test_a_driver_without_gpus_says_so(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.count = 0
    status = sample(tmp_path / "gpu.jsonl", 0).status()
    assert status.reason == "the NVIDIA driver sees no GPU"
    assert nvml.ended == 1


def test_without_the_package_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> ModuleType:
        if name == "pynvml":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    status = sample(tmp_path / "gpu.jsonl", 0).status()
    assert status.reason == "the package nvidia-ml-py is not installed"


def test_an_unwritable_file_is_a_status(nvml: FakeNvml, tmp_path: Path) -> None:
    status = sample(tmp_path / "none" / "gpu.jsonl").status()
    assert status.state == "failed"
    assert "can't be written" in (status.reason or "")
