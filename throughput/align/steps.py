"""Turn STEP, RESUME and SEGMENT rows into steps of known blocks and the phases that tile them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from throughput.align.events import Events, Kind
from throughput.align.notes import Notes
from throughput.model.category import Block, Phase
from throughput.model.timeline import Segments, Step

BLOCKS = (Block.WARMUP, Block.DROPPED, Block.LIGHT, Block.STACKS, Block.TORCH, Block.CPROFILE, Block.DROPPED)
"""What the training process's block numbers mean; 6 is after the window. Others (with shapes) are dropped."""
REGIONS_MAX = 1_000
"""The writer numbers fewer."""
FIRST_STEPS_LEFT_OUT = 2
"""Of a run that ended in its warm-up: the first steps load kernels and fill queues."""


def training_thread(events: Events, notes: Notes) -> int:
    """Return the thread that took the steps: as the window's note says, else that of the last step."""
    for note in notes.of("window"):
        if note.get("thread"):
            return int(note["thread"])
    rows = events.of(Kind.STEP)
    return int(rows[-1, 0]) if len(rows) else 0


def read_steps(events: Events, notes: Notes) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return the steps of the window and of the warm-up, and notes on how they were chosen."""
    rows = events.of(Kind.STEP)
    # A better mark of a step begins the numbers anew: the rows before were counted by another rule.
    anew = np.flatnonzero(np.diff(rows[:, 3]) <= 0)
    rows = rows[anew[-1] + 1 :] if len(anew) else rows
    resumes = events.of(Kind.RESUME)[:, 1]
    steps: list[Step] = []
    for before, row in pairwise(rows):
        start = _start(int(before[1]), int(row[1]), resumes)
        block = BLOCKS[int(row[4])] if 0 <= row[4] < len(BLOCKS) else Block.DROPPED
        steps.append(
            Step(
                index=int(row[3]),
                start_ns=start,
                end_ns=int(row[1]),
                block=block,
                samples=int(row[5]) if row[5] > 0 else None,
                tokens=int(row[6]) if row[6] > 0 else None,
            )
        )
    return _restarted(tuple(steps), notes)


def _start(before: int, end: int, resumes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    """Return where a step began: at the end of the one before, or after a pause of ours within it."""
    inside = resumes[(resumes >= before) & (resumes < end)]
    return int(inside.max()) if len(inside) else before


def _restarted(steps: tuple[Step, ...], notes: Notes) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Count what preceded a restart of the window as warm-up; use a run that never left its warm-up."""
    restarts = [int(note["t"]) for note in notes.of("window") if note.get("restart")]
    if restarts:
        last = max(restarts)
        steps = tuple(_as(s, Block.WARMUP) if s.end_ns <= last else s for s in steps)
    if any(s.block.is_clean for s in steps) or len(steps) <= FIRST_STEPS_LEFT_OUT:
        return steps, ()
    kept = tuple(_as(s, Block.LIGHT) if i >= FIRST_STEPS_LEFT_OUT else s for i, s in enumerate(steps))
    return kept, (
        "The run ended during warm-up: its steps after the first two are used, so figures are rough.",
    )


def _as(step: Step, block: Block) -> Step:
    return replace(step, block=block)


def read_segments(events: Events, thread: int) -> Segments:
    """Return the training thread's phases, sorted by time."""
    rows = events.of(Kind.SEGMENT)
    rows = rows[(rows[:, 0] == thread) & (rows[:, 3] >= 0) & (rows[:, 3] < len(Phase))]
    rows = rows[np.argsort(rows[:, 1], kind="stable")]
    return Segments(
        phase=rows[:, 3],
        start_ns=rows[:, 1],
        end_ns=rows[:, 2],
        cpu_ns=rows[:, 4],
        runq_ns=rows[:, 5],
        region=np.clip(rows[:, 6], 0, None),
    )


def read_regions(notes: Notes) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the script's own ranges by their numbers; 0 is outside of all."""
    named = {int(note["id"]): tuple(note["names"]) for note in notes.of("region")}
    last = max((number for number in named if 0 < number <= REGIONS_MAX), default=0)
    return ((), *(named.get(number, ("unknown",)) for number in range(1, last + 1)))
