"""Turn the sampled stacks of a timeline into a file that speedscope opens: one profile a thread."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from throughput.model.timeline import Frame, Timeline, Track
from throughput.render import view

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope_json(timeline: Timeline, *, name: str = "throughput") -> bytes:
    """Return the samples as speedscope's JSON; times are nanoseconds from the first sample.

    A stretch in which a thread was not seen is an empty stack, so that time stays to scale.
    """
    samples = timeline.samples
    begin = int(samples.start_ns.min()) if samples.start_ns.size else 0
    profiles = [
        _profile(timeline, number, begin)
        for number in range(len(timeline.tracks))
        if (samples.track == number).any()
    ]
    main = next((i for i, p in enumerate(profiles) if p["track"] == timeline.main_track), 0)
    for profile in profiles:
        del profile["track"]
    whole = {
        "$schema": SCHEMA,
        "exporter": "throughput",
        "name": view.plain(name, 200),
        "activeProfileIndex": main,
        "shared": {"frames": [_frame(frame) for frame in timeline.stacks.frames]},
        "profiles": profiles,
    }
    return json.dumps(whole, separators=(",", ":")).encode("ascii")


def track_name(track: Track) -> str:
    """Return a thread's name with its part in the training."""
    thread = view.plain(track.name, 80)
    if track.role == "worker" and track.worker is not None:
        return f"DataLoader worker {track.worker}: {thread}"
    return f"{'Training thread' if track.role == 'training' else view.plain(track.role, 40)}: {thread}"


def _frame(frame: Frame) -> dict[str, Any]:
    made: dict[str, Any] = {"name": view.plain(frame.function, 300), "file": view.place(frame.file, 0)}
    if frame.line > 0:
        made["line"] = frame.line
    return made


def _profile(timeline: Timeline, number: int, begin: int) -> dict[str, Any]:
    samples, stacks = timeline.samples, timeline.stacks.stacks
    mine = np.flatnonzero(samples.track == number)
    mine = mine[np.argsort(samples.start_ns[mine], kind="stable")]
    shown: list[tuple[int, ...]] = []
    weights: list[int] = []
    first = at = int(samples.start_ns[mine[0]]) - begin
    columns = (samples.start_ns[mine], samples.end_ns[mine], samples.stack[mine])
    for start, end, stack in zip(*(column.tolist() for column in columns), strict=True):
        start_, end_ = max(start - begin, at), end - begin  # stretches that overlap would make time twice
        if end_ <= start_:
            continue
        if start_ > at:
            shown.append(())
            weights.append(start_ - at)
        shown.append(stacks[stack] if 0 <= stack < len(stacks) else ())
        weights.append(end_ - start_)
        at = end_
    return {
        "type": "sampled",
        "name": track_name(timeline.tracks[number]),
        "unit": "nanoseconds",
        "startValue": first,
        "endValue": at,
        "samples": shown,
        "weights": weights,
        "track": number,
    }
