"""Write a Chrome trace as py-spy writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Frame = tuple[str, str, int]
"""Function, file, line."""
Sample = tuple[int, int, int, tuple[Frame, ...]]
"""us, process, thread, frames (outermost first)."""


def written(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Return the events that py-spy 0.4 writes: it remembers the stack before by thread id alone."""
    before: dict[int, tuple[Frame, ...]] = {}
    events: list[dict[str, Any]] = []

    def emit(ph: str, frame: Frame, sample: Sample) -> None:
        function, file, line = frame
        ts, pid, tid, _ = sample
        arguments = {"filename": file, "line": line}
        events.append(
            {"args": arguments, "cat": "py-spy", "name": function, "ph": ph, "pid": pid, "tid": tid, "ts": ts}
        )

    for sample in samples:
        _, _, tid, frames = sample
        was = before.get(tid, ())
        common = 0
        while common < min(len(was), len(frames)) and was[common] == frames[common]:
            common += 1
        for frame in reversed(was[common:]):
            emit("E", frame, sample)
        for frame in frames[common:]:
            emit("B", frame, sample)
        before[tid] = frames
    return events
