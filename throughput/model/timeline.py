"""Describe what happened, on one clock: integer nanoseconds of the machine's CLOCK_MONOTONIC.

Bulk events are numpy columns of equal length; things that there are few of are objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from throughput.model.category import Block, Category, Phase
from throughput.model.memory import KeptMemory, TensorMemory
from throughput.model.work import Padding, Work

if TYPE_CHECKING:
    from throughput.model.trace import RankTrace

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
"""Indices and numbers that fit 32 bits: a trace of a gigabyte has millions of them."""


def no_ints() -> Ints:
    """Return an empty column."""
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the training thread; `samples` is its batches' leading dimension where it was seen."""

    index: int
    start_ns: int
    end_ns: int
    block: Block
    samples: int | None = None
    tokens: int | None = None
    """Padding included; None where no batch of tokens was seen."""

    @property
    def duration_ns(self) -> int:
        """Wall time of the step."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A thread that was observed. `role` is training, worker, feeder, pin, thread or launcher."""

    pid: int
    tid: int
    """`threading.get_ident()`, as py-spy prints it."""
    native_id: int | None
    name: str
    role: str
    rank: int
    worker: int | None = None
    """Index of the DataLoader worker that this thread belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A line of a function on a stack; `own` is code under the script's folder or installed editable."""

    function: str
    """Qualified where the source could be read (`Dataset.__getitem__`)."""
    file: str
    """Relative to the script's folder where it lies under it, else absolute or shortened to site-packages."""
    line: int
    own: bool
    first_line: int = 0
    """Line of the function's `def`; 0 where unknown."""
    module: str = ""
    """Dotted module of library code (`numpy._core.fromnumeric`); empty for own code."""


LOCK_FRAME = Frame(function="waiting for a lock", file="<lock>", line=0, own=False)
"""Stands as leaf for a thread that was inside a patched lock's acquire."""
COPY_FRAME = Frame(function="Tensor.to", file="torch/_tensor.py", line=0, own=False, module="torch")
READ_FRAME = Frame(function="Tensor.item", file="torch/_tensor.py", line=0, own=False, module="torch")
"""Stand as leaves for a thread that copied a tensor to a device, or read one from it: calls of C code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """Interned frames and stacks; a stack is a tuple of indices into `frames`, outermost first."""

    frames: tuple[Frame, ...] = ()
    stacks: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Stretches during which a thread was seen with one stack: columns of equal length."""

    track: Ints = field(default_factory=no_ints)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    stack: Ints = field(default_factory=no_ints)
    count: Ints = field(default_factory=no_ints)
    """How many instants were sampled in the stretch, for sampling errors."""
    phase: Ints = field(default_factory=no_ints)
    """The Phase that the frames show, for the training thread; -1 for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Phases of the training thread, tiling the observed time without overlap."""

    phase: Ints = field(default_factory=no_ints)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    cpu_ns: Ints = field(default_factory=no_ints)
    runq_ns: Ints = field(default_factory=no_ints)
    """Time in the run queue (schedstat, second field); -1 where not measured."""
    region: Ints = field(default_factory=no_ints)
    """Index into `Timeline.regions`: the script's own range; empty where no range was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockInfo:
    """A lock that somebody waited for."""

    name: str
    kind: str
    """Lock, RLock, process lock, file lock or GIL."""
    made_at: str | None
    """"file:line"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaits:
    """Each wait for a lock: who waited, for which, who held it."""

    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    track: Ints = field(default_factory=no_ints)
    holder: Ints = field(default_factory=no_ints)
    """Track index of the holder; -1 unknown."""
    lock: Ints = field(default_factory=no_ints)
    waiter_stack: Ints = field(default_factory=no_ints)
    """Index into Stacks; -1 unknown."""
    holder_stack: Ints = field(default_factory=no_ints)
    """The holder's stack when the wait began; -1 unknown."""
    locks: tuple[LockInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LongWait:
    """A thread that waited for a lock for a second or more when its process was last heard of."""

    pid: int
    tid: int
    lock: str
    holder: int
    """Thread of the same process that had it then; -1 unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """A batch's life; times are -1 where not seen. `worker` is -1 in the main process."""

    loader: Ints = field(default_factory=no_ints)
    index: Ints = field(default_factory=no_ints)
    worker: Ints = field(default_factory=no_ints)
    asked_ns: Ints = field(default_factory=no_ints)
    begun_ns: Ints = field(default_factory=no_ints)
    fetched_ns: Ints = field(default_factory=no_ints)
    """When all samples were there; collate follows."""
    made_ns: Ints = field(default_factory=no_ints)
    arrived_ns: Ints = field(default_factory=no_ints)
    consumed_ns: Ints = field(default_factory=no_ints)
    cpu_ns: Ints = field(default_factory=no_ints)
    """CPU time of the maker between begun and made."""
    runq_ns: Ints = field(default_factory=no_ints)
    wanted_ns: Ints = field(default_factory=no_ints)
    """When the training thread asked `next()` for this batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowSamples:
    """Samples of data sets that took longest to fetch, each among the slowest of its process until then."""

    loader: Ints = field(default_factory=no_ints)
    worker: Ints = field(default_factory=no_ints)
    """-1 in the main process."""
    index: Ints = field(default_factory=no_ints)
    begun_ns: Ints = field(default_factory=no_ints)
    fetched_ns: Ints = field(default_factory=no_ints)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedSamples:
    """What threads were blocked on at an instant, from the kernel: columns of equal length."""

    time_ns: Ints = field(default_factory=no_ints)
    weight_ns: Ints = field(default_factory=no_ints)
    track: Ints = field(default_factory=no_ints)
    kind: Ints = field(default_factory=no_ints)
    """Index into KINDS."""
    address: Ints = field(default_factory=no_ints)
    """Futex address: the same address is the same lock."""


KINDS = ("running", "gil", "futex", "shared_futex", "file_lock", "poll", "sleep", "io", "wait_child", "other")
"""What `BlockedSamples.kind` indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A value over time; `unit` is a suffix of `units.py` (bytes, share, count, per_s, celsius, watt)."""

    name: str
    unit: str
    time_ns: Ints
    value: npt.NDArray[np.float64]
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFiles:
    """The data files that the run was seen to have open or mapped, and files of their kind beside them."""

    files: int
    size_bytes: int
    is_whole: bool
    """False: counting was cut short."""
    file_systems: tuple[str, ...]
    room_bytes: int | None
    """RAM, or the control group's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """Operators of the training thread in the torch block: `name` indexes `names`; outermost only."""

    names: tuple[str, ...] = ()
    name: Ints = field(default_factory=no_ints)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    inner_counts: dict[str, int] = field(default_factory=dict)
    """All operators, nested ones included, by name, over the block."""
    device_calls: Ints = field(default_factory=no_ints)
    """How often each called the device's runtime; empty on a run without device intervals."""


DEVICE_KINDS = (
    Category.COMPUTE,
    Category.COMMUNICATION,
    Category.HOST_TO_DEVICE,
    Category.OTHER_MEMORY,
)
"""What `DeviceWork.kind` indexes, in the order in which they claim time that several share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceWork:
    """What devices ran in the torch block, as torch.profiler recorded it: kernels, copies, memsets."""

    device: Ints = field(default_factory=no_ints)
    kind: Ints = field(default_factory=no_ints)
    start_ns: Ints = field(default_factory=no_ints)
    end_ns: Ints = field(default_factory=no_ints)
    name: Ints = field(default_factory=no_ints)
    """Index into `names`; empty where names were not kept."""
    names: tuple[str, ...] = ()


Caller = tuple[str, int, str, int, int, int]
"""File, line and function of a caller; what it called: calls, self ns, total ns."""
ALREADY_RUNNING = ("~", 0, "<already running>")
"""Stands as caller for code that was running when counting began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One function as cProfile counted it over the cProfile block."""

    function: str
    file: str
    line: int
    calls: int
    self_ns: int
    total_ns: int
    role: str
    """training, thread, worker or all threads (of a Python that can't tell them apart)."""
    callers: tuple[Caller, ...] = ()
    """Who called it; libraries' callers that make up less than 0.1 % of the counted time are left out."""
    own: bool = False
    """Code under the script's folder or installed editable."""
    fetches: int = 0
    """Batches that the worker made meanwhile; 0 outside of workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause of a thread that Python announced: `kind` is gc2 (a full collection), gc or compile."""

    kind: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that a process does once or rarely; `part` is one of `align.spans.PARTS`."""

    part: str
    name: str
    start_ns: int
    end_ns: int
    begins: bool = True
    """False for a later piece of a span that others lie within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """A DataLoader that was iterated, with its settings; None where torch didn't say."""

    number: int
    num_workers: int
    prefetch_factor: int | None
    batch_size: int | None
    pin_memory: bool | None
    persistent_workers: bool | None
    in_order: bool | None
    start_method: str | None
    iterable: bool
    dataset: str
    iterators_started: int
    start_ns: tuple[int, ...] = ()
    """When each iterator was made (workers are spawned then)."""
    ready_ns: tuple[int, ...] = ()
    one_by_one: bool | None = None
    """Samples are fetched one at a time, by index; None in a recording that doesn't say."""
    numbers: tuple[int, ...] = ()
    """Of all its iterators: batches and samples carry the number of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that one rank's raw files say, on one clock."""

    rank: int
    steps: tuple[Step, ...]
    tracks: tuple[Track, ...]
    segments: Segments = field(default_factory=Segments)
    stacks: Stacks = field(default_factory=Stacks)
    samples: Samples = field(default_factory=Samples)
    lock_waits: LockWaits = field(default_factory=LockWaits)
    long_waits: tuple[LongWait, ...] = ()
    blocked: BlockedSamples = field(default_factory=BlockedSamples)
    batches: Batches = field(default_factory=Batches)
    loaders: tuple[Loader, ...] = ()
    slow_samples: SlowSamples = field(default_factory=SlowSamples)
    operators: Operators = field(default_factory=Operators)
    device_work: DeviceWork = field(default_factory=DeviceWork)
    device_trace: RankTrace | None = None
    """The torch block's steps with all that was traced, where a device worked; on a clock of its own."""
    calls: tuple[Call, ...] = ()
    pauses: tuple[Pause, ...] = ()
    spans: tuple[Span, ...] = ()
    counters: tuple[Counter, ...] = ()
    data_files: DataFiles | None = None
    """Of all ranks of the machine; None where nobody looked."""
    sources: dict[str, dict[int, str]] = field(default_factory=dict)
    """File -> line number -> text, of the lines that were stored."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Scalars that the training process reported: optimizers, torch flags, compile counters."""
    main_track: int = 0
    """Index of the training thread in `tracks`."""
    window_ns: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    regions: tuple[tuple[str, ...], ...] = ((),)
    """Paths of the names of the script's own ranges, the outermost first; the first is outside of all."""
    work: Work = field(default_factory=Work)
    padding: Padding | None = None
    kept: KeptMemory | None = None
    tensors: tuple[TensorMemory, ...] = ()


def training_functions(timeline: Timeline) -> frozenset[tuple[str, str]]:
    """Return the own functions (file, name) on the training thread during backward or an optimizer."""
    samples, frames = timeline.samples, timeline.stacks.frames
    if len(samples.phase) != len(samples.stack):
        return frozenset()
    training = np.isin(samples.phase, (int(Phase.BACKWARD), int(Phase.OPTIMIZER)))
    return frozenset(
        (frames[n].file, frames[n].function)
        for stack in np.unique(samples.stack[training & (samples.track == timeline.main_track)]).tolist()
        for n in timeline.stacks.stacks[stack]
        if frames[n].own
    )
