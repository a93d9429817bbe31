"""Describe a run's memory: by process, against its limit, and what grows with the steps; bytes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMemory:
    """One process at its largest; None where not measured."""

    pid: int
    role: str
    """training process, DataLoader worker, or other process."""
    rss_peak_bytes: float
    shared_peak_bytes: float | None
    """Of that: files, and shared memory such as batches on their way."""
    pss_bytes: float | None
    """The last reading of its proportional share: pages that several processes have are split among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAt:
    """A line that left at least one object more at each of the steps whose allocations were traced."""

    function: str
    """Qualified; "" where its source was not stored."""
    file: str
    line: int
    objects_per_step: float
    bytes_per_step: float
    """Of Python's allocations, and of tensors' data in host memory."""
    tensors_per_step: float
    graphs_per_step: float
    """Of the tensors, those that hold a graph, with all that backward needs: its size is not in the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMemory:
    """What stayed of the allocations of a few steps at the end of a run whose memory grew."""

    steps: int
    bytes_per_step: float
    """All that stayed, at any line; what C code and graphs hold is not in it."""
    lines: tuple[KeptAt, ...] = ()
    """Those with graphs first, then by bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorMemory:
    """What the training process's tensors hold on one device at the end of the clean steps."""

    device: str
    """cpu, cuda:0, ..."""
    parameters_bytes: float
    """Frozen ones too."""
    gradients_bytes: float
    optimizer_bytes: float
    """The optimizer's state."""
    other_bytes: float
    """All other tensors that Python had at that moment, a step's end: activations are gone by then."""
    allocated_peak_bytes: float | None = None
    """The most that was allocated at a time, as torch's allocator counts; of devices only, like the rest."""
    activations_bytes: float | None = None
    """Of that, what is no parameter, gradient or optimizer state: activations and all else needed."""
    reserved_peak_bytes: float | None = None
    split_bytes: float | None = None
    """Reserved and free, but in blocks of which other parts are in use: fragmentation."""
    retries: int | None = None
    """How often the allocator had to give its cache back to get memory: each time the device waits."""
    out_of_memory: int | None = None
    """How often memory was not to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGrowth:
    """By how much the private memory of a process grows in each clean step, with its 95 % interval."""

    role: str
    """training process or DataLoader workers (all together)."""
    bytes_per_step: float
    low: float
    high: float
    steps: int
    first_bytes: float
    last_bytes: float
    is_steady: bool
    """Every part of the window grew, and the last no less than half as fast as the whole."""
    steps_to_limit: float | None
    """Until what is free now is used up at this rate; None without growth, or where no limit is known."""
    kept: KeptMemory | None = None
    """Where; None where it was not looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of the host over the whole run, growth over the clean steps; None is not measured."""

    rss_peak_bytes: float | None = None
    """Of the largest process."""
    rss_peak_by_pid: dict[str, float] = field(default_factory=dict)
    processes: tuple[ProcessMemory, ...] = ()
    """The largest first."""
    shared_memory_bytes: float | None = None
    """Peak of the whole machine's shared memory (/dev/shm), other jobs' too."""
    limit_bytes: float | None = None
    limit_source: str | None = None
    """control group, or the machine's memory."""
    growth: MemoryGrowth | None = None
    growth_missing: str | None = None
    """Why there is no growth."""
    tensors: tuple[TensorMemory, ...] = ()
    """By device; empty where they were not looked at."""
    device_peak_bytes: float | None = None
    """Used on the fullest device, as its driver says, other jobs' too."""
    device_total_bytes: float | None = None
