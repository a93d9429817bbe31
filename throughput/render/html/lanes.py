"""Turn steps into lanes, who did what when: a typical step, the slowest, and one of a rank that is late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from throughput import units
from throughput.model.category import Block, Category, Phase
from throughput.model.finding import Facts
from throughput.model.timeline import DEVICE_KINDS, Frame, Ints, Step, Timeline
from throughput.render.html.svg import boxes

WIDTH = 1000.0  # a thousandth is half a pixel of a wide page
WORKERS = 8  # lanes of workers to draw: more don't fit beside each other, and they look alike
DEVICES = 8  # lanes of GPUs: those of one machine
PARTS = 4000  # spans of one lane to look at: a step with more is drawn from its first ones

PHASE_KEYS = {
    Phase.LOADER: "data",
    Phase.COPY: "h2d",
    Phase.PIN: "h2d",
    Phase.BACKWARD: "gpu",
    Phase.OPTIMIZER: "gpu",
    Phase.SYNC: "other",
    Phase.COLLECTIVE: "other",
    Phase.SAVE: "other",
    Phase.PRINT: "other",
    Phase.REST: "rest",
}
DEVICE_KEYS = {
    Category.COMPUTE: "gpu",
    Category.COMMUNICATION: "other",
    Category.HOST_TO_DEVICE: "h2d",
    Category.OTHER_MEMORY: "other",
}
ORDER = ("rest", "other", "data", "h2d", "gpu", "lock")
"""What is drawn later covers what lies under it: a lock wait inside a phase is seen."""
WORDS = {
    "data": "loading data",
    "h2d": "copying to the device",
    "gpu": "backward and optimizer",
    "lock": "waiting for a lock",
    "other": "synchronizing, saving or printing",
    "rest": "forward and other code",
}
DEVICE_WORDS = {"gpu": "computing", "h2d": "copying to it", "other": "exchanging data or copying memory"}
LEGEND_OF_DEVICE = {
    "gpu": "; on a GPU, computing",
    "h2d": ", or to pinned memory",
    "other": "; on a GPU, exchanging data",
}
PIN_FILE = "torch/utils/data/_utils/pin_memory.py"
SHARED_FILE = "torch/multiprocessing/reductions.py"
PIN_WORDS = {"h2d": "copying to pinned memory", "data": "receiving batches"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One thread or worker during a step: colour key and path of each kind of work, and the same in words."""

    label: str
    paths: tuple[tuple[str, str], ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLanes:
    """One step by lane."""

    title: str
    lanes: tuple[Lane, ...]
    more: str


def lanes(facts: Facts) -> tuple[StepLanes, ...]:
    """Return the lanes of a typical step and of the slowest; empty where no clean step was seen."""
    timeline = facts.timeline
    steps = sorted(
        (step for step in timeline.steps if _is_drawn(step)),
        key=lambda step: step.duration_ns,
    )
    if not steps:
        return ()
    typical, slowest = steps[len(steps) // 2], steps[-1]
    found = [_step_lanes("A typical step", typical, timeline)]
    if slowest is not typical:
        found.append(_step_lanes("The slowest step", slowest, timeline))
    traced = _traced(timeline)
    if traced is not None:
        found.append(_step_lanes("A step under torch.profiler", traced, timeline))
    return tuple(found)


def _traced(timeline: Timeline) -> Step | None:
    """Return the step of median length in which the devices' work was recorded; None where there is none."""
    work = timeline.device_work
    steps = [
        step
        for step in timeline.steps
        if step.block is Block.TORCH and _overlapping(work.start_ns, work.end_ns, step)
    ]
    steps.sort(key=lambda step: step.duration_ns)
    return steps[len(steps) // 2] if steps else None


def straggler_lanes(facts: Sequence[Facts], stragglers: Sequence[int]) -> StepLanes | None:
    """Return a step of the rank that the others wait for most, and of one that waits; None without one."""
    late = next((one.timeline for one in facts if one.timeline.rank in stragglers[:1]), None)
    other = next((one.timeline for one in facts if one.timeline.rank not in stragglers), None)
    if late is None or other is None:
        return None
    theirs = {step.index: step for step in other.steps if _is_drawn(step)}
    shared = [step for step in late.steps if _is_drawn(step) and step.index in theirs]
    if not shared:
        return None
    shared.sort(key=lambda step: step.duration_ns)
    step = shared[len(shared) // 2]
    pairs = ((late, step), (other, theirs[step.index]))
    longest = max(one.duration_ns for _, one in pairs)
    return StepLanes(
        title=f"Rank {late.rank}, which comes last, and rank {other.rank} in step {step.index:,}, "
        f"each from its own start; the width is {units.duration(longest)}",
        lanes=tuple(
            replace(lane, label=f"Rank {timeline.rank}: {lane.label}")
            for timeline, one in pairs
            for lane in (
                _training_lane(one, timeline, longest),
                *_device_lanes(one, timeline, longest),
            )
        ),
        more="",
    )


def _is_drawn(step: Step) -> bool:
    return step.block.is_clean and step.duration_ns > 0


def legend(*, device: bool) -> tuple[tuple[str, str], ...]:
    """Return the colour keys of the lanes with their meaning."""
    shown = (
        ("data", "h2d", "gpu", "lock", "other", "rest")
        if device
        else ("data", "gpu", "lock", "other", "rest")
    )
    more = LEGEND_OF_DEVICE if device else {}
    return tuple((key, WORDS[key].capitalize() + more.get(key, "")) for key in shown)


def _step_lanes(title: str, step: Step, timeline: Timeline) -> StepLanes:
    workers = _workers(step, timeline)
    shown = workers[:WORKERS]
    more = len(workers) - len(shown)
    return StepLanes(
        title=f"{title}: step {step.index:,}, {units.duration(step.duration_ns)}",
        lanes=(
            _training_lane(step, timeline),
            *(_worker_lane(step, timeline, worker) for worker in shown),
            *_pin_lanes(step, timeline),
            *_device_lanes(step, timeline),
        ),
        more=f"{units.plural(more, 'more worker')} not drawn" if more else "",
    )


def _training_lane(step: Step, timeline: Timeline, length: int = 0) -> Lane:
    spans: dict[str, list[tuple[int, int]]] = {}
    segments = timeline.segments
    inside = _overlapping(segments.start_ns, segments.end_ns, step)
    for index in inside:
        key = PHASE_KEYS.get(_phase(int(segments.phase[index])), "rest")
        spans.setdefault(key, []).append((int(segments.start_ns[index]), int(segments.end_ns[index])))
    waits = list(_lock_waits(step, timeline, {timeline.main_track}))
    if waits:
        spans["lock"] = waits
    return _lane("Training thread", spans, step, length=length)


def _worker_lane(step: Step, timeline: Timeline, worker: int) -> Lane:
    batches = timeline.batches
    mine = (batches.worker == worker) & (batches.begun_ns >= 0) & (batches.made_ns >= 0)
    inside = [i for i in _overlapping(batches.begun_ns, batches.made_ns, step) if mine[i]]
    spans = {"data": [(int(batches.begun_ns[i]), int(batches.made_ns[i])) for i in inside]}
    tracks = {
        number
        for number, track in enumerate(timeline.tracks)
        if track.worker == worker and track.rank == timeline.rank
    }
    spans["lock"] = list(_lock_waits(step, timeline, tracks))
    return _lane(f"Worker {worker}", spans, step)


def _pin_lanes(step: Step, timeline: Timeline) -> Iterator[Lane]:
    """Yield a lane for each thread that pins batches, where its stacks were sampled in the step."""
    samples, stacks = timeline.samples, timeline.stacks
    for number, track in enumerate(timeline.tracks):
        mine = np.flatnonzero(samples.track == number) if track.role == "pin" else np.zeros(0, np.int64)
        inside = mine[_overlapping(samples.start_ns[mine], samples.end_ns[mine], step)]
        if not len(inside):
            continue
        spans: dict[str, list[tuple[int, int]]] = {}
        for row in inside.tolist():
            key = _pin_key([stacks.frames[n] for n in stacks.stacks[int(samples.stack[row])]])
            spans.setdefault(key, []).append((int(samples.start_ns[row]), int(samples.end_ns[row])))
        yield _lane("Pin thread", spans, step, PIN_WORDS, empty="waiting")


def _pin_key(frames: Sequence[Frame]) -> str:
    """Return the colour key of what a pin thread's stack does; "" where it waits."""
    if any(frame.file == PIN_FILE and frame.function == "pin_memory" for frame in frames):
        return "h2d"
    return "data" if any(frame.file == SHARED_FILE for frame in frames) else ""


def _device_lanes(step: Step, timeline: Timeline, length: int = 0) -> Iterator[Lane]:
    """Yield a lane for each device that worked in the step: what it computed, copied and exchanged."""
    work = timeline.device_work
    inside = np.array(_overlapping(work.start_ns, work.end_ns, step), dtype=np.int64)
    for device in np.unique(work.device[inside])[:DEVICES].tolist():
        spans: dict[str, list[tuple[int, int]]] = {}
        for index in inside[work.device[inside] == device].tolist():
            key = DEVICE_KEYS[DEVICE_KINDS[int(work.kind[index])]]
            spans.setdefault(key, []).append((int(work.start_ns[index]), int(work.end_ns[index])))
        yield _lane(f"GPU {device}", spans, step, DEVICE_WORDS, length=length)


def _workers(step: Step, timeline: Timeline) -> list[int]:
    batches = timeline.batches
    inside = _overlapping(batches.begun_ns, batches.made_ns, step)
    return sorted({int(batches.worker[i]) for i in inside if batches.worker[i] >= 0})


def _lock_waits(step: Step, timeline: Timeline, tracks: set[int]) -> Iterator[tuple[int, int]]:
    waits = timeline.lock_waits
    for index in _overlapping(waits.start_ns, waits.end_ns, step):
        if int(waits.track[index]) in tracks:
            yield int(waits.start_ns[index]), int(waits.end_ns[index])


def _overlapping(begin: Ints, end: Ints, step: Step) -> list[int]:
    hits = np.flatnonzero((end > step.start_ns) & (begin < step.end_ns))
    return [int(index) for index in hits[:PARTS]]


def _phase(value: int) -> Phase:
    try:
        return Phase(value)
    except ValueError:  # a phase of a newer version
        return Phase.REST


def _lane(
    label: str,
    spans: dict[str, list[tuple[int, int]]],
    step: Step,
    meaning: dict[str, str] = WORDS,
    *,
    length: int = 0,
    empty: str = "nothing seen",
) -> Lane:
    """Return a lane of a step; its width stands for `length`, 0 for the step itself."""
    scale = WIDTH / (length or step.duration_ns)
    paths, words = [], []
    for key in ORDER:
        cut = [(max(a, step.start_ns), min(b, step.end_ns)) for a, b in spans.get(key, [])]
        cut = [(a, b) for a, b in cut if b > a]
        if not cut:
            continue
        places = [((a - step.start_ns) * scale, (b - step.start_ns) * scale) for a, b in cut]
        paths.append((key, boxes(places)))
        words.append(f"{meaning[key]} {units.duration(sum(b - a for a, b in cut))}")
    return Lane(label=label, paths=tuple(paths), words=", ".join(words) or empty)
