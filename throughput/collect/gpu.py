"""Turn NVML into `gpu.jsonl`, twice a second, from the parent: the training process is not touched.

The raw file: JSON objects, one a line.

First line: {"format": "throughput.gpu", "schema": 1, "interval_ns", "driver", "pids_visible" (false in a
container with process numbers of its own), "gpus": [{"index", "name", "uuid", "pci_bus_id",
"sm_clock_max_mhz", "memory_clock_max_mhz", "power_limit_mw", "pcie_generation", "pcie_generation_max",
"pcie_width", "pcie_width_max"}]}.
Then one line a tick: {"t": CLOCK_MONOTONIC in ns, "own": [pids of the run], "gpus": {"<index>": {...}}} with
utilization_percent, memory_busy_percent, memory_used_bytes, memory_total_bytes, sm_clock_mhz,
memory_clock_mhz, power_mw, temperature_celsius, throttle_reasons (bits of nvml.h),
pcie_received_kb_per_s, pcie_sent_kb_per_s (of one GPU a tick, in turn), energy_mj (since the driver was
loaded), processes [[pid, bytes or null]], and since the tick before sm_active_percent, sm_occupancy_percent,
tensor_active_percent, dram_active_percent (see `gpu_activity.py`).
Index counts all GPUs of the machine, whatever CUDA_VISIBLE_DEVICES says. What a GPU can't tell is absent.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from throughput.collect.gpu_activity import Activity
from throughput.model.run import CollectorStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import BinaryIO

FORMAT = "throughput.gpu"
SCHEMA = 1
INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of the kernel: any other namespace numbers its processes itself."""
NOTHING_KNOWN = (1 << 64) - 1
"""NVML's NVML_VALUE_NOT_AVAILABLE, as an unsigned number."""


class GpuSampler:
    """Samples every GPU into `path` from a thread of its own; without NVML it does nothing and says why."""

    def __init__(self, path: Path, own_pids: Callable[[], frozenset[int]], interval_s: float = 0.5) -> None:
        self._path = path
        self._own_pids = own_pids
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._status = CollectorStatus(name="gpu", state="off")
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin sampling where there is a GPU."""
        nvml, self._status = open_nvml()
        if nvml is not None:
            self._thread = threading.Thread(
                target=self._run, args=(nvml,), name="throughput-gpu", daemon=True
            )
            self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Take a last sample and close the file; safe to call twice, or before `start`."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def status(self) -> CollectorStatus:
        """Return whether the figures can be had, and what would change that."""
        return self._status

    def _run(self, nvml: ModuleType) -> None:
        try:
            with self._path.open("wb") as file:
                self._sample(nvml, file)
        except OSError as error:
            reason = f"{self._path.name} can't be written: {error.strerror or error}"
            remedy = "Free disk space, or name another folder with --out."
            self._status = CollectorStatus(name="gpu", state="failed", reason=reason, remedy=remedy)
        except Exception as error:  # noqa: BLE001 - a driver that goes away must not end the run
            reason = f"NVML stopped answering: {type(error).__name__}: {error}"
            self._status = CollectorStatus(name="gpu", state="failed", reason=reason)
        finally:
            with contextlib.suppress(Exception):
                nvml.nvmlShutdown()

    def _sample(self, nvml: ModuleType, file: BinaryIO) -> None:
        devices = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        header = {
            "format": FORMAT,
            "schema": SCHEMA,
            "interval_ns": int(self._interval_s * 1e9),
            **machine_facts(nvml),
        }
        _write(file, header)
        activities = [Activity(nvml, device) for device in devices]
        turn = 0
        last = False
        while True:
            gpus = {
                str(i): _levels(nvml, device) | activity.look()
                for i, (device, activity) in enumerate(zip(devices, activities, strict=True))
            }
            # The driver watches the link for 20 ms a direction: one GPU a tick, or eight would take 320 ms.
            gpus[str(turn)].update(_pcie(nvml, devices[turn]))
            turn = (turn + 1) % len(devices)
            _write(file, {"t": time.monotonic_ns(), "own": sorted(self._own_pids()), "gpus": gpus})
            if last:
                for activity in activities:
                    activity.close()
                return
            last = self._ended.wait(self._interval_s)


def open_nvml() -> tuple[ModuleType | None, CollectorStatus]:
    """Return NVML, ready, and that it works; or None, with the reason and the remedy."""
    try:
        import pynvml
    except ImportError:
        return None, _unavailable(
            "the package nvidia-ml-py is not installed", "pip install nvidia-ml-py beside throughput."
        )
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        return None, _unavailable(*_why_no_nvml(pynvml, error))
    if not count:
        pynvml.nvmlShutdown()
        return None, _unavailable(
            "the NVIDIA driver sees no GPU", "Pass one on to the container (--gpus all)."
        )
    return pynvml, CollectorStatus(name="gpu", state="ok")


def machine_facts(nvml: ModuleType) -> dict[str, Any]:
    """Return driver, whether process numbers are ours, and each GPU's name and limits."""
    facts: dict[str, Any] = {"pids_visible": _pids_visible(), "gpus": []}
    _ask(facts, "driver", nvml, "nvmlSystemGetDriverVersion")
    for index in range(nvml.nvmlDeviceGetCount()):
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        gpu: dict[str, Any] = {"index": index}
        _ask(gpu, "name", nvml, "nvmlDeviceGetName", device)
        _ask(gpu, "uuid", nvml, "nvmlDeviceGetUUID", device)
        _ask(gpu, "power_limit_mw", nvml, "nvmlDeviceGetEnforcedPowerLimit", device)
        _ask(gpu, "sm_clock_max_mhz", nvml, "nvmlDeviceGetMaxClockInfo", device, 1)
        _ask(gpu, "memory_clock_max_mhz", nvml, "nvmlDeviceGetMaxClockInfo", device, 2)
        _ask(gpu, "pcie_generation", nvml, "nvmlDeviceGetCurrPcieLinkGeneration", device)
        _ask(gpu, "pcie_generation_max", nvml, "nvmlDeviceGetMaxPcieLinkGeneration", device)
        _ask(gpu, "pcie_width", nvml, "nvmlDeviceGetCurrPcieLinkWidth", device)
        _ask(gpu, "pcie_width_max", nvml, "nvmlDeviceGetMaxPcieLinkWidth", device)
        bus: dict[str, Any] = {}
        _ask(bus, "pci", nvml, "nvmlDeviceGetPciInfo", device)
        if "pci" in bus:
            gpu["pci_bus_id"] = _plain(bus["pci"].busId)
        facts["gpus"].append(gpu)
    return facts


def _levels(nvml: ModuleType, device: object) -> dict[str, Any]:
    """Return what the GPU tells at once. The clocks' numbers are NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2."""
    level: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    _ask(answers, "utilization", nvml, "nvmlDeviceGetUtilizationRates", device)
    _ask(answers, "memory", nvml, "nvmlDeviceGetMemoryInfo", device)
    if "utilization" in answers:
        level["utilization_percent"] = answers["utilization"].gpu
        level["memory_busy_percent"] = answers["utilization"].memory
    if "memory" in answers:
        level["memory_used_bytes"] = answers["memory"].used
        level["memory_total_bytes"] = answers["memory"].total
    _ask(level, "sm_clock_mhz", nvml, "nvmlDeviceGetClockInfo", device, 1)
    _ask(level, "memory_clock_mhz", nvml, "nvmlDeviceGetClockInfo", device, 2)
    _ask(level, "power_mw", nvml, "nvmlDeviceGetPowerUsage", device)
    _ask(level, "energy_mj", nvml, "nvmlDeviceGetTotalEnergyConsumption", device)
    _ask(level, "temperature_celsius", nvml, "nvmlDeviceGetTemperature", device, 0)
    _ask(level, "throttle_reasons", nvml, "nvmlDeviceGetCurrentClocksEventReasons", device)
    if "throttle_reasons" not in level:  # its name before driver 535
        _ask(level, "throttle_reasons", nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", device)
    users = _users(nvml, device)
    if users is not None:
        level["processes"] = users
    return level


def _users(nvml: ModuleType, device: object) -> list[list[int | None]] | None:
    found: dict[int, int | None] = {}
    answers: dict[str, Any] = {}
    _ask(answers, "compute", nvml, "nvmlDeviceGetComputeRunningProcesses", device)
    _ask(answers, "graphics", nvml, "nvmlDeviceGetGraphicsRunningProcesses", device)
    for user in (entry for entries in answers.values() for entry in entries):
        used = user.usedGpuMemory
        found[user.pid] = None if used is None or used >= NOTHING_KNOWN else used
    return [[pid, used] for pid, used in sorted(found.items())] if answers else None


def _pcie(nvml: ModuleType, device: object) -> dict[str, Any]:
    """Return bytes over the link: NVML_PCIE_UTIL_TX_BYTES = 0 is what the GPU sends, RX = 1 receives."""
    link: dict[str, Any] = {}
    _ask(link, "pcie_sent_kb_per_s", nvml, "nvmlDeviceGetPcieThroughput", device, 0)
    _ask(link, "pcie_received_kb_per_s", nvml, "nvmlDeviceGetPcieThroughput", device, 1)
    return link


def _ask(into: dict[str, Any], name: str, nvml: ModuleType, function: str, *arguments: object) -> None:
    """Store an answer under its name, nothing where this driver or GPU has none."""
    call = getattr(nvml, function, None)
    if call is None:
        return
    # FunctionNotFound is an NVMLError too: an old driver under a new package.
    with contextlib.suppress(nvml.NVMLError):
        into[name] = _plain(call(*arguments))


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _pids_visible() -> bool:
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == INITIAL_PID_NAMESPACE
    except OSError:
        return False


def _why_no_nvml(nvml: ModuleType, error: Exception) -> tuple[str, str]:
    missing = getattr(nvml, "NVMLError_LibraryNotFound", ())
    if missing and isinstance(error, missing):
        return (
            "no NVIDIA driver",
            "Nothing to do on a machine without an NVIDIA GPU; in a container, start it with --gpus all.",
        )
    return f"NVML refused: {error}", "See whether nvidia-smi works for this user in this container."


def _unavailable(reason: str, remedy: str) -> CollectorStatus:
    return CollectorStatus(name="gpu", state="unavailable", reason=reason, remedy=remedy)


def _write(file: BinaryIO, line: dict[str, Any]) -> None:
    file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    file.flush()
