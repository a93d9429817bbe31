"""Describe a saved benchmark: what was run, on what, and what each fresh process measured.

Made to be committed and read in a diff: whole nanoseconds, sorted keys, no name of a machine or folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BENCHMARK_SCHEMA = 1
"""New optional fields don't raise it; a reader refuses a newer one."""
FEW_PROCESSES = 3
"""With fewer, a saved benchmark can't tell the spread between processes from a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSample:
    """What one fresh process measured over its clean steps; times are ns a step, less waits for a CPU."""

    steps: int
    mean_ns: int
    median_ns: int
    categories: dict[str, int] = field(default_factory=dict)
    """Category -> ns a step; those that were not measured are left out."""
    blocks_ns: tuple[int, ...] = ()
    """Medians of consecutive blocks of steps: drift within the process shows here."""
    starved_ns: int | None = None
    """Waiting for a CPU, which the times above leave out."""
    samples_per_s: float | None = None
    memory_peak_bytes: int | None = None
    device_memory_peak_bytes: int | None = None
    startup_ms: int | None = None
    first_batch_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCount:
    """Something a step does, counted: the mean a step over all processes, and whether it never varied."""

    kind: str
    """operator, call (of an own function), builtin, files, device, collective, instructions: a step; amount,
    and call, builtin and files after "worker ": a batch; compile: over the whole run."""
    name: str
    where: str | None = None
    """"file:line" of the own function that does it."""
    per_step: float
    spread: float = 0.0
    """Largest less smallest: of the means of processes, or within one where that is more."""
    exact: bool = False
    """A whole number a step, the same in every process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSpot:
    """A hotspot: the mean time a step over the processes, and each process's own."""

    name: str
    file: str
    line: int
    function: str
    process: str
    category: str
    ns_per_step: int
    half_ns: int | None = None
    """Half the width of its 95 % sampling interval within a process."""
    each_ns: tuple[int, ...] = ()
    calls_per_step: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A saved benchmark, or a run that is compared as one."""

    schema: int = BENCHMARK_SCHEMA
    name: str
    tool_version: str
    saved_at: str
    """UTC, ISO 8601."""
    command: tuple[str, ...]
    script: str | None = None
    """Relative to the project's folder, or a module's name; None for a bare command."""
    is_module: bool = False
    folder: str = "."
    """Where it ran, relative to the project's folder."""
    options: dict[str, Any] = field(default_factory=dict)
    """Steps, warm-up, collectors and the like: a check runs under the same."""
    script_sha256: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    code_sha256: str | None = None
    """Of NAME.code.zip; None where the commit tells the code, or the code was not kept."""
    stacks_sha256: str | None = None
    """Of NAME.stacks.gz; None where no stacks were sampled."""
    seed: dict[str, Any] = field(default_factory=dict)
    must_equal: dict[str, Any] = field(default_factory=dict)
    """Of machine and workload: what makes numbers comparable; None where not known."""
    noted: dict[str, Any] = field(default_factory=dict)
    """Of machine and software: what bears on speed without making numbers incomparable."""
    processes: tuple[ProcessSample, ...]
    counts: tuple[SavedCount, ...] = ()
    hotspots: tuple[SavedSpot, ...] = ()
