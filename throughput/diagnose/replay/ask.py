"""Answer what-if questions by replay: without some places, with other loader settings, with other batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from throughput.diagnose import reading
from throughput.diagnose.replay.changes import Change, changed
from throughput.diagnose.replay.predict import Model
from throughput.diagnose.replay.queue_model import Replayed, replay
from throughput.model.attribution import Hotspot
from throughput.model.category import Category
from throughput.model.finding import Facts, LoaderSettings
from throughput.model.report import ReplayRow, ReplaySummary

AHEAD = (2, 4, 8)
"""Prefetch factors tried: torch's default, and what uneven batches need."""
CLOSE = 0.02
"""A setting with fewer workers that is this close to the fastest is the better one: workers cost memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be different."""

    left: Mapping[str, float] = field(default_factory=dict)
    """Name of a place (as in the report, a function, a lock or file:line) -> part of its cost that stays."""
    settings: LoaderSettings | None = None
    batch_scale: float = 1.0


def places_named(facts: Facts, name: str) -> list[Hotspot]:
    """Return the places that a user calls so."""
    return [
        place
        for place in reading.places(facts)
        if name
        in (
            place.name,
            place.function,
            f"{place.file}:{place.line}",
            *((place.caller.function, f"{place.caller.file}:{place.caller.line}") if place.caller else ()),
            *((place.lock.name,) if place.lock else ()),
        )
    ]


def answer(facts: Facts, model: Model, question: Question) -> Replayed:
    """Return the step as it would be.

    Raises:
        KeyError: a name is that of no place in the report.
    """
    change = Change(settings=question.settings, batch_scale=question.batch_scale)
    loading = max(reading.share(facts, Category.DATA_LOADING) * reading.mean_step_ns(facts), 1.0)
    for name, left in question.left.items():
        found = places_named(facts, name)
        if not found:
            raise KeyError(name)
        for place in found:
            change = _less(facts, model, change, place, (1 - left, loading))
    return replay(changed(model.pipeline, change))


def _less(facts: Facts, model: Model, change: Change, place: Hotspot, part: tuple[float, float]) -> Change:
    """Return the change with a part of one place's cost gone too."""
    gone, loading = part
    tracks = facts.timeline.tracks
    main = tracks[facts.timeline.main_track].name if tracks else ""
    here = place.process == reading.TRAINING and place.thread in ("", main)
    if not model.pipeline.workers or here:
        return replace(change, loop_minus_ns=change.loop_minus_ns + gone * place.ns_per_step)
    if place.category is Category.LOCK_CONTENTION:
        blocked = float(model.pipeline.make_blocked.mean())
        return replace(change, make_blocked_minus_ns=change.make_blocked_minus_ns + gone * blocked)
    return replace(change, make_part=max(0.0, change.make_part - gone * place.ns_per_step / loading))


def summary(facts: Facts, model: Model) -> ReplaySummary:
    """Return how good the replay is, and the speed that each loader setting would give."""
    rows = settings_table(facts, model) if model.is_trusted else ()
    fastest = max((row.steps_per_s for row in rows), default=0.0)
    good = [row for row in rows if row.steps_per_s >= (1 - CLOSE) * fastest]
    best = min(good, key=lambda row: (row.num_workers, row.prefetch_factor or 0), default=None)
    return ReplaySummary(step_ns=model.now.step_ns, error=model.error, settings=rows, best=best)


def settings_table(facts: Facts, model: Model) -> tuple[ReplayRow, ...]:
    """Return the predicted speed for 0 to twice as many workers as CPUs; none without a DataLoader."""
    cpus = reading.usable_cpus(facts)
    if facts.attribution.loader is None or cpus is None:
        return ()
    scale = reading.mean_step_ns(facts) / model.now.step_ns
    rows = []
    for workers in _counts(int(2 * cpus), model.pipeline.workers):
        for ahead in AHEAD if workers else (None,):
            settings = LoaderSettings(num_workers=workers, prefetch_factor=ahead)
            after = replay(changed(model.pipeline, Change(settings=settings)))
            rows.append(
                ReplayRow(
                    num_workers=workers,
                    prefetch_factor=ahead,
                    steps_per_s=1e9 / max(after.step_ns * scale, 1.0),
                )
            )
    return tuple(rows)


def _counts(most: int, now: int) -> Sequence[int]:
    """Return the numbers of workers to try: each up to 8, then in steps, with the present one."""
    few = set(range(min(most, 8) + 1))
    many = {round(8 * 1.5**n) for n in range(1, 10) if 8 * 1.5**n < most}
    return sorted(few | many | {most, now})
