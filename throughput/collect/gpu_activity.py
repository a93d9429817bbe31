"""Ask NVML's GPM (performance monitoring, from Hopper on) what share of a GPU was busy between two looks.

NVML's utilisation says that some kernel ran, be it on one multiprocessor of 132; these figures say how much
of the chip did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

METRICS = (
    # name in gpu.jsonl, NVML_GPM_METRIC_... of nvml.h
    ("sm_active_percent", 2),
    ("sm_occupancy_percent", 3),
    ("tensor_active_percent", 5),
    ("dram_active_percent", 10),
)


class Activity:
    """One GPU's activity since the last look; a GPU, driver or package without GPM tells nothing."""

    def __init__(self, nvml: ModuleType, device: object) -> None:
        self._nvml = nvml
        self._device = device
        self._samples: list[Any] = []
        self._seen = 0
        try:
            if nvml.nvmlGpmQueryDeviceSupport(device).isSupportedDevice:
                self._samples = [nvml.nvmlGpmSampleAlloc() for _ in range(2)]
        except (AttributeError, nvml.NVMLError):
            self._samples = []

    def look(self) -> dict[str, float]:
        """Return shares in percent since the last look; nothing at the first, or where there are none."""
        nvml = self._nvml
        if not self._samples:
            return {}
        try:
            nvml.nvmlGpmSampleGet(self._device, self._samples[self._seen % 2])
            self._seen += 1
            return self._between() if self._seen > 1 else {}
        except nvml.NVMLError:
            self.close()
            return {}

    def close(self) -> None:
        """Give the samples back; safe to call twice."""
        samples, self._samples = self._samples, []
        for sample in samples:
            self._nvml.nvmlGpmSampleFree(sample)

    def _between(self) -> dict[str, float]:
        nvml = self._nvml
        asked = nvml.c_nvmlGpmMetricsGet_t()
        asked.version = nvml.NVML_GPM_METRICS_GET_VERSION
        asked.numMetrics = len(METRICS)
        asked.sample1, asked.sample2 = self._samples[self._seen % 2], self._samples[(self._seen - 1) % 2]
        for place, (_, metric) in enumerate(METRICS):
            asked.metrics[place].metricId = metric
        nvml.nvmlGpmMetricsGet(asked)
        told = ((name, asked.metrics[place]) for place, (name, _) in enumerate(METRICS))
        return {name: round(answer.value, 3) for name, answer in told if answer.nvmlReturn == 0}
