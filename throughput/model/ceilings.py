"""Describe what `throughput doctor --bench` measured of this machine: the most that its CPUs and GPUs do."""

from __future__ import annotations

from dataclasses import dataclass

CEILINGS_SCHEMA = 1
"""Of the file in the user's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCeiling:
    """One device, or the CPUs under so many of torch's threads."""

    device: str
    """CPU model, or the GPU as torch names it."""
    threads: int | None
    """torch's threads; None for a GPU."""
    flops_per_s: dict[str, float]
    """dtype -> the best product of matrices; `tf32` is float32 where torch may use TF32."""
    bytes_per_s: float
    """Read and written by the best copy."""
    torch_version: str
    measured_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Everything that was measured, one entry a device and number of threads."""

    schema: int = CEILINGS_SCHEMA
    ceilings: tuple[MeasuredCeiling, ...] = ()
