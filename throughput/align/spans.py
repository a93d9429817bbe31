"""Turn SPAN rows into what a process did once or rarely: imports, data sets, evaluations, checkpoints."""

from __future__ import annotations

from throughput.align.events import Events, Kind
from throughput.align.notes import Notes
from throughput.model.timeline import Span, Stacks

PARTS = ("imports", "data_set", "model", "evaluation", "checkpoint", "profiling")
"""What a row's part number means: the training process has the same table, a test holds both together."""
OURS = "throughput_inprocess"
"""Imports of our own modules inside the script are profiling."""


def read_spans(
    events: Events, notes: Notes, numbers: dict[int, int], stacks: Stacks, thread: int
) -> tuple[Span, ...]:
    """Return the spans in the order of their beginnings.

    Args:
        events: the training process's rows.
        notes: its notes, which hold the names.
        numbers: its own stack numbers -> those of `stacks`.
        stacks: the stacks that say where a span without a name began.
        thread: the training thread: what others save meanwhile holds up nobody.
    """
    names = {int(note["id"]): str(note["name"]) for note in notes.of("name")}
    found = []
    for row in events.of(Kind.SPAN):
        start, end, part, name, stack = (int(value) for value in row[1:6])
        if not 0 <= part < len(PARTS) or end < start:
            continue
        if PARTS[part] == "checkpoint" and row[0] != thread:
            continue
        words = names.get(name, "") if name >= 0 else _place(numbers.get(stack, -1), stacks)
        is_ours = PARTS[part] == "imports" and words == OURS
        found.append(
            Span(
                part="profiling" if is_ours else PARTS[part],
                name=words,
                start_ns=start,
                end_ns=end,
                begins=row[6] != 0,
            )
        )
    return tuple(sorted(found, key=lambda span: span.start_ns))


def _place(stack: int, stacks: Stacks) -> str:
    """Return "evaluate train.py:88", the innermost own line of a stack, or its innermost line; "" unknown."""
    if not 0 <= stack < len(stacks.stacks):
        return ""
    frames = [stacks.frames[number] for number in stacks.stacks[stack]]
    shown = next((frame for frame in reversed(frames) if frame.own), frames[-1] if frames else None)
    return f"{shown.function} {shown.file}:{shown.line}" if shown is not None else ""


def life_of(notes: Notes) -> dict[str, int | None]:
    """Return when the process began, reached its own code, was stopped by us and left its code, ns."""
    return {
        "began_ns": notes.first("training").get("began"),
        "started_ns": notes.first("start").get("t"),
        "stopped_ns": notes.first("stopped").get("t"),
        "exit_ns": notes.first("exit").get("t"),
    }
