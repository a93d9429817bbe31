"""Rank the places that cost step time, by blamed time a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from throughput.attribute.blame import Blamed
from throughput.attribute.lines import SourceIndex
from throughput.attribute.naming import Folded, fold
from throughput.attribute.view import CleanView
from throughput.model.attribution import Hotspot, LockPlaces, Place, SourceLine
from throughput.model.category import Block, Category
from throughput.model.timeline import Frame, Timeline

AROUND = 6
"""Source lines shown on either side of the busiest one."""
SHOWN = 20
FEW_SAMPLES = 3
"""A place seen less often is named nowhere."""
PROCESSES = {"worker": "DataLoader workers", "feeder": "DataLoader workers"}

Key = tuple[str, str, str, str, str, Category]


@dataclass(slots=True)
class _Place:
    """What was gathered of one hotspot."""

    folded: Folded
    process: str
    category: Category
    threads: dict[str, float] = field(default_factory=dict)
    lines: dict[int, float] = field(default_factory=dict)
    caller_lines: dict[int, float] = field(default_factory=dict)
    ns: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Heat:
    """Time by (file, line) of own code, whichever frame of a stack it is innermost in."""

    ns: dict[tuple[str, int], float] = field(default_factory=dict)

    def add(self, frame: Frame | None, ns: float) -> None:
        """Count time on a frame's line."""
        if frame is not None:
            key = (frame.file, frame.line)
            self.ns[key] = self.ns.get(key, 0.0) + ns


def gather(view: CleanView, blamed: Iterable[Blamed]) -> tuple[list[_Place], Heat]:
    """Return the places of all blamed stacks, and the heat of own lines."""
    timeline = view.timeline
    folded: dict[int, Folded | None] = {}
    places: dict[Key, _Place] = {}
    heat = Heat()
    for row in blamed:
        if row.stack not in folded:
            frames = tuple(timeline.stacks.frames[n] for n in timeline.stacks.stacks[row.stack])
            folded[row.stack] = fold(frames, view.lines, view.loops)
        spot = folded[row.stack]
        if spot is not None:
            _add(places, heat, spot, row, timeline)
    return list(places.values()), heat


def _add(places: dict[Key, _Place], heat: Heat, spot: Folded, row: Blamed, timeline: Timeline) -> None:
    track = timeline.tracks[row.track]
    process = PROCESSES.get(track.role, "training process")
    caller, frame = spot.caller, spot.frame
    by = (caller.file, caller.function) if caller is not None and not frame.own else ("", "")
    key = (frame.file, frame.function, *by, process, row.category)
    place = places.get(key)
    if place is None:
        place = places[key] = _Place(spot, process, row.category)
    place.ns += row.ns
    place.count += row.count
    place.lines[frame.line] = place.lines.get(frame.line, 0.0) + row.ns
    place.threads[track.name] = place.threads.get(track.name, 0.0) + row.ns
    if caller is not None:
        place.caller_lines[caller.line] = place.caller_lines.get(caller.line, 0.0) + row.ns
    heat.add(frame if frame.own else caller, row.ns)


def rank_hotspots(
    view: CleanView, places: list[_Place], heat: Heat, locks: list[Hotspot]
) -> tuple[Hotspot, ...]:
    """Return all hotspots, numbered by blamed time a step; locks are among them."""
    steps, total = len(view.steps), float(view.durations.sum())
    calls = _calls_per_step(view.timeline)
    found = [_hotspot(view, p, heat, calls, (steps, total)) for p in places if p.count >= FEW_SAMPLES]
    ordered = sorted([*found, *locks], key=lambda h: -h.ns_per_step)
    return tuple(_numbered(h, n) for n, h in enumerate(ordered[: 10 * SHOWN], 1))


def _numbered(hotspot: Hotspot, rank: int) -> Hotspot:
    return replace(hotspot, rank=rank)


def _hotspot(
    view: CleanView, place: _Place, heat: Heat, calls: dict[tuple[str, str], float], size: tuple[int, float]
) -> Hotspot:
    steps, total = size
    frame, caller = place.folded.frame, place.folded.caller
    share = place.ns / total
    # A share p of n samples has standard error sqrt(p (1 - p) / n), and count = p n.
    half = 1.96 * share * float(np.sqrt(max(1.0 - share, 0.0) / max(place.count, 1)))
    line = max(place.lines, key=lambda n: place.lines[n]) if frame.own else (frame.first_line or frame.line)
    above = None
    if caller is not None:
        busiest = max(place.caller_lines, key=lambda n: place.caller_lines[n])
        above = Place(function=caller.function, file=caller.file, line=busiest)
    shown_file, shown_line = (frame.file, line) if frame.own or above is None else (above.file, above.line)
    return Hotspot(
        rank=0,
        name=place.folded.name,
        file=frame.file,
        line=line,
        function=frame.function,
        caller=above,
        process=place.process,
        thread=max(place.threads, key=lambda name: place.threads[name]),
        ranks=(view.timeline.rank,),
        category=place.category,
        ns_per_step=place.ns / steps,
        share=min(share, 1.0),
        low=max(0.0, share - half),
        high=min(1.0, share + half),
        samples=place.count,
        calls_per_step=calls.get((frame.file, frame.function.rpartition(".")[2])),
        source=source_lines(view.lines, heat, shown_file, shown_line, total),
        source_file=shown_file,
    )


def source_lines(
    lines: SourceIndex, heat: Heat, file: str, line: int, total: float
) -> tuple[SourceLine, ...]:
    """Return the stored lines around a place, each with its share of the step."""
    found = []
    for number in range(max(1, line - AROUND), line + AROUND + 1):
        text = lines.text(file, number)
        if text is not None:
            ns = heat.ns.get((file, number))
            found.append(
                SourceLine(line=number, text=text, share=None if ns is None else min(ns / total, 1.0))
            )
    return tuple(found)


def _calls_per_step(timeline: Timeline) -> dict[tuple[str, str], float]:
    """Return (file, function's last name) -> calls a step in the cProfile block."""
    steps = sum(s.block is Block.CPROFILE for s in timeline.steps)
    found: dict[tuple[str, str], float] = {}
    for call in timeline.calls if steps else ():
        key = (call.file, call.function.rpartition(".")[2])
        found[key] = found.get(key, 0.0) + call.calls / steps
    return found


def lock_hotspot(
    view: CleanView,
    places: LockPlaces,
    lines: tuple[Frame | None, Frame | None],
    cost: tuple[float, int],
    process: str,
) -> Hotspot:
    """Return the hotspot of a lock: at the holder's busiest own-code line.

    Args:
        view: the clean steps.
        places: the lock's name and places.
        lines: where it was held and where it was waited for.
        cost: what it took of the steps, ns, and in how many waits.
        process: where those are that waited.
    """
    held, waited = lines
    ns, waits = cost
    total = float(view.durations.sum())
    share = ns / total
    frame = held or waited
    half = share / max(np.sqrt(max(waits, 1)), 1.0)
    return Hotspot(
        rank=0,
        name=places.name,
        file=frame.file if frame else "",
        line=frame.line if frame else 0,
        function=frame.function if frame else places.kind,
        caller=Place(function=waited.function, file=waited.file, line=waited.line) if waited else None,
        process=process,
        thread="",
        ranks=(view.timeline.rank,),
        category=Category.LOCK_CONTENTION,
        ns_per_step=ns / len(view.steps),
        share=min(share, 1.0),
        low=max(0.0, share - half),
        high=min(1.0, share + half),
        samples=waits,
        lock=places,
        source=source_lines(view.lines, Heat(), frame.file, frame.line, total) if frame else (),
        source_file=frame.file if frame else None,
    )
