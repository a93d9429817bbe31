"""What a run sets before it starts, by the kind of machine that it was written for."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch


@dataclasses.dataclass(frozen=True)
class Preset:
    """Settings of torch for one kind of machine."""

    threads: int
    flush_denormal: bool = True
    precision: str = "highest"
    deterministic: bool = False

    def replace(self, **changes: Any) -> Preset:
        """Return a preset that differs in this."""
        return dataclasses.replace(self, **changes)


PRESETS = {
    "laptop": Preset(threads=1),
    "node": Preset(threads=16),
    "node-exact": Preset(threads=16, deterministic=True),
}


def use(preset: Preset) -> None:
    """Set torch up so."""
    torch.set_flush_denormal(preset.flush_denormal)
    torch.set_float32_matmul_precision(preset.precision)
    torch.use_deterministic_algorithms(preset.deterministic)
    torch.set_num_threads(preset.threads)  # PLANTED
