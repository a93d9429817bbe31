"""Describe where step time went: a breakdown that sums, hotspots, locks and the loader's life."""

from __future__ import annotations

from dataclasses import dataclass, field

from throughput.model.category import Category, Source, State
from throughput.model.flame import Flames
from throughput.model.memory import Memory
from throughput.model.work import RegionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBreakdown:
    """One clean step, split: the parts sum to its duration.

    Raises:
        ValueError: the parts don't sum to the duration, or one is negative.
    """

    index: int
    duration_ns: int
    parts_ns: dict[Category, int]

    def __post_init__(self) -> None:
        if sum(self.parts_ns.values()) != self.duration_ns or any(v < 0 for v in self.parts_ns.values()):
            raise ValueError(f"step {self.index}: parts {self.parts_ns} don't sum to {self.duration_ns} ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """A category's mean share of a step, with its 95 % interval; None where not measured."""

    category: Category
    share: float | None
    low: float | None
    high: float | None
    ns_per_step: float | None
    source: Source
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of code: `function` qualified, `file` relative to the script's folder where under it."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPlaces:
    """A lock's name (target of the assignment that made it) and its three places, each "file:line"."""

    name: str
    kind: str
    made_at: str | None
    held_at: str | None
    waited_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A line of source near a hotspot; `share` is of the step, None where no sample fell on it."""

    line: int
    text: str
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotspot:
    """A place that costs step time, blamed through waits; `ns_per_step` is what a step waits for it."""

    rank: int
    name: str
    file: str
    line: int
    function: str
    caller: Place | None
    process: str
    """"training process" or "DataLoader workers"."""
    thread: str
    ranks: tuple[int, ...]
    category: Category
    ns_per_step: float
    share: float
    low: float
    high: float
    samples: int = 0
    calls_per_step: float | None = None
    lock: LockPlaces | None = None
    source: tuple[SourceLine, ...] = ()
    source_file: str | None = None
    """The file of `source`: the caller's where the hotspot is library code."""
    kind: str = "function"
    """Tags for rules, such as "print", "save", "decode", "collate"; see attribute/naming."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSummary:
    """What one lock cost: waits of the training thread, harmful waits of others, idle waits."""

    places: LockPlaces
    waits: int
    training_ns_per_step: float
    """The training thread's own wait."""
    through_waker_ns_per_step: float
    """Part of the training thread's other waits in which the one waited for was waiting for this lock."""
    idle_ns_per_step: float
    """Waits that cost the step nothing."""
    holder: str | None
    waiters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowSample:
    """A sample of the data set, by its index, with the longest that fetching it took; wall time."""

    index: int
    fetch_ns: int
    worker: int | None
    """None: the training process fetched it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSummary:
    """What the loader's processes read in the window, and where from; None where not measured."""

    read_bytes_per_s: float | None
    """By read calls."""
    memory_share: float | None
    """Of it, what came from the page cache; the rest came from storage."""
    data_bytes: int | None
    """Size of the data files that were seen open or mapped, with files like them in the same folder."""
    data_files: int | None
    data_is_whole: bool
    """False: there are more files than were counted, so the size is the least that it can be."""
    room_bytes: int | None
    """The memory that a page cache can grow into: RAM, or the control group's limit."""
    reason: str | None = None
    """Why a share is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSummary:
    """A loader's life in the window; all times are means a batch, ns; None where not measured."""

    num_workers: int
    prefetch_factor: int | None
    batches: int
    made_ns: float | None
    fetch_ns: float | None
    collate_ns: float | None
    transfer_ns: float | None
    """From made to arrived."""
    cpu_ns: float | None
    blocked_ns: float | None
    """Neither on a CPU nor waiting for one, while making a batch."""
    runq_ns: float | None
    waited_ns: float | None
    """Mean time that the training thread waited in `next()`."""
    readiness: float | None
    """1 - time the training thread waited / time measured."""
    busy_share: float | None
    """Mean share of the window in which a worker was making a batch."""
    per_worker_made_ns: tuple[float, ...] = ()
    out_of_order_share: float | None = None
    """Share of waits during which a later batch lay ready."""
    sample_ns: float | None = None
    """Mean time to fetch a sample, where batches have one size."""
    slowest: tuple[SlowSample, ...] | None = None
    """The ten data-set indices that took longest in the window, slowest first."""
    slowest_reason: str | None = None
    """Why there are none."""
    reads: ReadSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceShare:
    """A category on one device: `busy` while it ran, `exposed` while nothing more important did; 0..1."""

    category: Category
    busy: float | None
    exposed: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Starver:
    """What a thread of the host did while a device had nothing to do, for it had been given nothing."""

    name: str
    where: Place | None
    ns_per_step: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleCause:
    """Why a device did nothing: host_wait (nothing queued), kernel_wait (between queued ones) or other."""

    cause: str
    ns_per_step: float
    share: float
    gaps: int
    starvers: tuple[Starver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSplit:
    """One device of one rank: how long it ran, what each category took, and why it was idle."""

    rank: int
    device: int
    name: str | None
    busy_share: float
    idle_share: float
    categories: tuple[DeviceShare, ...]
    idle: tuple[IdleCause, ...]
    after_sync: tuple[Starver, ...] = ()
    """Who waited for the device, after which it had nothing to do until more was queued."""
    dispatch_ns_per_step: float | None = None
    """Of the time in which nothing was queued: while the host was in operators that give the device work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A step of a trace, replayed with something changed: `change` is loading, syncs or copies."""

    change: str
    step_ns: float
    speedup: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReplay:
    """A trace replayed from its durations: as it was (`error` is signed, of the step time), and changed."""

    step_ns: float
    error: float
    changed: tuple[WhatIf, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """One rank's step time, explained."""

    rank: int
    steps: tuple[StepBreakdown, ...]
    split: tuple[SplitRow, ...]
    hotspots: tuple[Hotspot, ...]
    locks: tuple[LockSummary, ...] = ()
    loader: LoaderSummary | None = None
    functions: tuple[Hotspot, ...] = ()
    """Every place with its blamed time, also small ones, for rules."""
    overhead: dict[str, float] = field(default_factory=dict)
    """Collector -> profiled over plain step time."""
    flames: Flames = field(default_factory=Flames)
    notes: tuple[str, ...] = ()
    devices: tuple[DeviceSplit, ...] = ()
    """Each device of a trace, whose split is that of the mean device; of a run, those of its torch block."""
    trace_replay: TraceReplay | None = None
    memory: Memory | None = None
    regions: tuple[RegionRow, ...] = ()
