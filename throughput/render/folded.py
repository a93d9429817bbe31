"""Turn the sampled stacks of clean steps into folded lines, for differential flame graphs."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import numpy as np

from throughput.model.timeline import Frame, Timeline
from throughput.render import view

SHARE_MIN = 0.001
"""Of a step: a thinner stack is too few samples to compare."""
BYTES_MAX = 300_000
"""Of the compressed file: it is meant to be committed."""
ROLES = {"training": "training process", "worker": "DataLoader workers"}


def folded_stacks(timeline: Timeline) -> bytes:
    """Return `role;function (file:line);... ns` lines, ns a step, gzipped; the largest where not all fit.

    The training thread and the loader's workers only; a stack below 0.1 % of the step is left out.
    """
    lines = [f"{stack} {value}" for stack, value in _stacks(timeline)]
    while True:
        packed = gzip.compress(("\n".join(sorted(lines)) + "\n").encode("utf-8", "replace"), mtime=0)
        if len(packed) <= BYTES_MAX:
            return packed
        lines = lines[: len(lines) // 2]


def _stacks(timeline: Timeline) -> Iterator[tuple[str, int]]:
    """Yield stacks with their time a step, ns, the largest first."""
    light = [step for step in timeline.steps if step.block.is_light]
    samples = timeline.samples
    total = sum(step.duration_ns for step in light)
    if not light or not len(samples.start_ns) or not total:
        return
    first, last = light[0].start_ns, light[-1].end_ns
    sums: dict[str, int] = {}
    for number, track in enumerate(timeline.tracks):
        role = ROLES.get(track.role)
        if role is None:
            continue
        mine = (samples.track == number) & (samples.start_ns >= first) & (samples.end_ns <= last)
        for stack in np.unique(samples.stack[mine]).tolist():
            chosen = mine & (samples.stack == stack)
            length = int((samples.end_ns[chosen] - samples.start_ns[chosen]).sum())
            frames = [timeline.stacks.frames[n] for n in timeline.stacks.stacks[stack]]
            text = ";".join([role, *map(_frame, frames)])
            sums[text] = sums.get(text, 0) + length
    for text, length in sorted(sums.items(), key=lambda item: -item[1]):
        if length >= SHARE_MIN * total:
            yield text, round(length / len(light))


def _frame(frame: Frame) -> str:
    """Return a frame without what separates frames and values."""
    name = view.plain(frame.function, 120).replace(";", ":")
    place = view.place(frame.file, frame.first_line or frame.line).replace(";", ":")
    return f"{name} ({place})".replace("\n", " ")
