"""Read traces, each as a rank: what is kept of one when its events are given up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace import attribute_trace
from throughput.attribute.trace_ranks import Collectives, collectives_of
from throughput.errors import DamagedFile
from throughput.flows.trace_engines import HERE, Engine, answers
from throughput.flows.trace_files import CountedFile, name_of, open_trace, rank_in_name
from throughput.model.attribution import Attribution
from throughput.model.timeline import Timeline

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRank:
    """What is kept of a rank's trace when its events are given up."""

    source: str
    """The path or URL, as it was named."""
    bytes: int
    sha256: str
    said: int | None
    """The rank that the trace itself says."""
    timeline: Timeline
    attribution: Attribution
    collectives: Collectives


def read_ranks(
    sources: Sequence[str | os.PathLike[str]], progress: Progress, engine: Engine = HERE
) -> tuple[tuple[OneRank, ...], tuple[str, ...]]:
    """Return each trace as a rank, in the order of ranks, and notes on those that can't be read.

    The same comes out whatever the engine.

    Raises:
        DamagedFile: none can be read.
        UsageError: the engine, or a package to read with, is not there.
    """
    named = [os.fspath(source) for source in sources]
    found: dict[int, OneRank] = {}
    refused: dict[int, DamagedFile] = {}
    progress(f"Reading {name_of(named[0])}" if len(named) == 1 else f"Reading {len(named)} traces")
    with closing(answers(engine, read_rank, named)) as answered:
        for done, (place, answer) in enumerate(answered, 1):
            progress(f"Read {name_of(named[place])} ({done} of {len(named)})")
            if isinstance(answer, DamagedFile):
                refused[place] = answer
            else:
                found[place] = replace(answer, source=named[place])
    if not found:
        raise refused[min(refused)]
    notes = [f"{refused[place].what} It is left out." for place in sorted(refused)]
    return _numbered([found[place] for place in sorted(found)], alone=len(named) == 1), tuple(notes)


def read_rank(source: str) -> OneRank | DamagedFile:
    """Return what one trace says, as the rank that it says it is, else as rank 0; or why it can't be read.

    Raises:
        UsageError: a package to read it with is missing.
    """
    try:
        with open_trace(source) as file:
            counted = CountedFile(file, name_of(source))
            events = read_trace(counted, name_of(source))
            digest = counted.sha256()
    except DamagedFile as error:
        return error.with_traceback(None)
    trace = rank_trace(events, events.rank or 0)
    return OneRank(
        source=source,
        bytes=counted.bytes,
        sha256=digest,
        said=events.rank,
        timeline=trace.timeline,
        attribution=attribute_trace(trace),
        collectives=collectives_of(trace),
    )


def _numbered(found: Sequence[OneRank], *, alone: bool) -> tuple[OneRank, ...]:
    """Return ranks in order: each is what its trace says, else what its name says, else the next free."""
    taken: dict[int, OneRank] = {}
    for one in found:
        by_name = None if alone else rank_in_name(one.source)
        said = next((n for n in (one.said, by_name) if n is not None and n not in taken), None)
        rank = said if said is not None else next(n for n in range(len(taken) + 1) if n not in taken)
        taken[rank] = _as_rank(one, rank)
    return tuple(taken[rank] for rank in sorted(taken))


def _as_rank(one: OneRank, rank: int) -> OneRank:
    """Return what was read, under another number."""
    if one.timeline.rank == rank:
        return one
    timeline, attribution = one.timeline, one.attribution
    return replace(
        one,
        timeline=replace(
            timeline, rank=rank, tracks=tuple(replace(track, rank=rank) for track in timeline.tracks)
        ),
        attribution=replace(
            attribution,
            rank=rank,
            hotspots=tuple(replace(spot, ranks=(rank,)) for spot in attribution.hotspots),
            functions=tuple(replace(spot, ranks=(rank,)) for spot in attribution.functions),
            devices=tuple(replace(device, rank=rank) for device in attribution.devices),
        ),
        collectives=replace(one.collectives, rank=rank),
    )
