"""Find the lines whose objects stay, step after step, where the training process grew while it was measured.

A few steps at the very end run under tracemalloc, which makes Python slower. Where a line has left an object
more with each of them, it keeps them; what C code keeps by itself, and what a tensor's graph holds,
tracemalloc can't see, so tensors are counted one by one, and torch's anomaly mode tells where those with a
graph were made (tracemalloc's own answer for an object is wrong in Python 3.11).

One note "kept": steps, bytes (of Python's allocations and of tensors' data), rows [{frames: [[file, line],
...] outermost first, objects, bytes, tensors, graphs}].
"""

from __future__ import annotations

import gc
import os
import re
import sys
from itertools import pairwise

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Frames = tuple[tuple[str, int], ...]
    Census = tuple[int, int, dict[Frames, int]]
    Taken = tuple[Any, Census]

STEPS = 6
"""From the first snapshot to the last; there is one in the middle, so that what is filled once shows."""
FRAMES = 16
HEADER_MAX = 64
"""Bytes that Python puts before an object: for its collector, a dict, weak references."""
NOTHING = (0, 0, 0)
_PLACE = re.compile(r'\s*File "(.+)", line (\d+)')
LEAST_BYTES, LEAST_SHARE = 16_000_000, 0.01
"""Less growth, all in all or of what there was, is pools that breathe."""
LEAST_PART = 0.2
"""Of the growth, in each half: memory that is filled once doesn't grow in both."""
ROWS_MAX = 20
OURS = "throughput_inprocess"


class Growth:
    """Follows the private memory of this process through the window, then its allocations where that grew."""

    def __init__(self) -> None:
        self._levels: list[int] = []
        self._step = 0
        self._is_tracing = False
        self._tensor_size = 0
        self._had_anomaly_mode: tuple[bool, bool] | None = None
        self._taken: list[Taken] = []

    def read_level(self, place: int) -> bool:
        """Note the memory at the start (0), in the middle (1) or at the end (2) of the light steps, once."""
        is_next = len(self._levels) == place
        if is_next:
            self._levels.append(_private_bytes())
        return is_next

    def begin(self) -> bool:
        """Begin to trace allocations; False where memory didn't grow, or the script traces them itself."""
        tracemalloc = _tracemalloc() if self._has_grown() else None
        if tracemalloc is None or tracemalloc.is_tracing():
            return False
        try:
            self._start(tracemalloc)
        except Exception as error:
            self._give_up(error)
        return self._is_tracing

    def _start(self, tracemalloc: Any) -> None:
        tracemalloc.start(FRAMES)
        self._is_tracing = True
        self._tensor_size = _tensor_size()
        torch: Any = sys.modules["torch"]
        mode = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
        torch.set_anomaly_enabled(True, all(mode))
        self._had_anomaly_mode = mode

    def _give_up(self, error: Exception) -> None:
        self.abandon()
        recorder.note("note", text=f"Which lines keep memory was not found: {error!r}.")

    def _has_grown(self) -> bool:
        if len(self._levels) < 3 or min(self._levels) <= 0:
            return False
        start, middle, end = self._levels
        least = max(LEAST_BYTES, LEAST_SHARE * start)
        return end - start >= least and min(middle - start, end - middle) >= LEAST_PART * (end - start)

    def step_ended(self) -> bool:
        """Take a step; return True after the last one, once what stayed is noted."""
        try:
            return self._take_step(_tracemalloc())
        except Exception as error:
            self._give_up(error)
            return True

    def _take_step(self, tracemalloc: Any) -> bool:
        self._step += 1
        if not tracemalloc.is_tracing():  # the script has ended it
            self.abandon()
            return True
        if self._step in (1, 1 + STEPS // 2, 1 + STEPS):
            gc.collect()  # what only waits for it doesn't stay
            self._taken.append((tracemalloc.take_snapshot(), _census()))
        if self._step <= STEPS:
            return False
        self.abandon()
        _note(self._taken, self._tensor_size)
        self._taken = []
        return True

    def abandon(self) -> None:
        """End tracing."""
        if self._is_tracing:
            sys.modules["tracemalloc"].stop()
        if self._had_anomaly_mode is not None:
            sys.modules["torch"].set_anomaly_enabled(*self._had_anomaly_mode)
        self._is_tracing, self._had_anomaly_mode = False, None


def _tracemalloc() -> Any:
    try:
        import tracemalloc
    except ImportError:  # an interpreter built without
        return None
    return tracemalloc


def _private_bytes() -> int:
    """Return the resident memory of this process that is neither a file's nor shared; -1 where unknown."""
    try:
        with open("/proc/self/statm", "rb") as file:
            fields = file.read().split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return -1


def _census() -> Census:
    """Return how many tensors are alive, their bytes in host memory, and how many with a graph by place."""
    torch: Any = sys.modules["torch"]
    count = size = 0
    graphs: dict[Frames, int] = {}
    for one in gc.get_objects():
        if not issubclass(type(one), torch.Tensor):
            continue
        try:
            size += one.numel() * one.element_size() if one.device.type == "cpu" else 0
            count += 1
            if one.grad_fn is not None:
                frames = _frames_of_graph(one.grad_fn)
                graphs[frames] = graphs.get(frames, 0) + 1
        except Exception:  # a subclass may answer to nothing
            continue
    return count, size, graphs


def _frames_of_graph(grad_fn: Any) -> Frames:
    """Return where a graph's last operator was called, in anomaly mode; nothing where it was made before."""
    places = (_PLACE.match(text) for text in grad_fn.metadata.get("traceback_", ()))
    return tuple((place.group(1), int(place.group(2))) for place in places if place)[-FRAMES:]


def _tensor_size() -> int:
    """Return how many bytes Python allocates for a tensor, its data aside; 0 where that can't be told."""
    torch, tracemalloc = sys.modules["torch"], _tracemalloc()
    probe = torch.empty(0)
    line = sys._getframe().f_lineno - 1
    basic = type(probe).__basicsize__
    made = (trace for trace in tracemalloc.take_snapshot().traces if _is_at(trace.traceback, line))
    return max((trace.size for trace in made if 0 <= trace.size - basic <= HEADER_MAX), default=0)


def _is_at(traceback: Any, line: int) -> bool:
    return bool(traceback[-1].lineno == line and traceback[-1].filename == __file__)


def _by_frames(snapshot: Any, size: int) -> dict[Frames, list[int]]:
    """Return by place: how many objects are alive, their bytes, and how many have the size of a tensor."""
    found: dict[Frames, list[int]] = {}
    for trace in snapshot.traces:
        if OURS in trace.traceback[-1].filename or trace.traceback[-1].filename.endswith("/tracemalloc.py"):
            continue
        frames = tuple((frame.filename, frame.lineno) for frame in trace.traceback)
        row = found.setdefault(frames, [0, 0, 0])
        row[0] += 1
        row[1] += trace.size
        row[2] += trace.size == size
    return found


def _note(taken: list[Taken], tensor_size: int) -> None:
    """Note what each snapshot has more than the one before, at lines that left an object at each step."""
    places = [_by_frames(snapshot, tensor_size) for snapshot, _ in taken]
    first, last = taken[0][1], taken[-1][1]
    tensors, data = last[0] - first[0], last[1] - first[1]
    graphs = [census[2] for _, census in taken]
    rows: list[dict[str, Any]] = []
    grown = data
    for frames in {**places[0], **places[-1], **graphs[-1]}:
        seen = [(*place.get(frames, NOTHING), graph.get(frames, 0)) for place, graph in zip(places, graphs)]
        grown += seen[-1][1] - seen[0][1]
        more = [[after[n] - before[n] for n in range(4)] for before, after in pairwise(seen)]
        if frames and min(max(part[0], part[3]) for part in more) >= STEPS // 2:
            names = ("objects", "bytes", "tensors", "graphs")
            row = {name: max(0, sum(part[n] for part in more)) for n, name in enumerate(names)}
            row["tensors"] = max(row["tensors"] if tensors >= STEPS else 0, row["graphs"])
            rows.append({"frames": [list(frame) for frame in frames], **row})
    all_tensors = sum(row["tensors"] for row in rows)
    for row in rows:
        row["bytes"] += max(0, data) * row["tensors"] // max(all_tensors, 1)
    # Graphs first: what they hold is in no figure here.
    rows.sort(key=lambda row: (row["graphs"] < STEPS, -row["bytes"]))
    recorder.note("kept", steps=STEPS, bytes=grown, rows=rows[:ROWS_MAX])
