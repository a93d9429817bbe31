"""Put a verdict together: the decision, the components, the places, the counts, and who is to blame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from throughput.compare import parts
from throughput.compare.counting import changed
from throughput.compare.pairs import PairSample, component, starved_share
from throughput.compare.rule import Decision, Evidence, Pairs, Settings, Stored, more_needed
from throughput.model.benchmark import Benchmark, ProcessSample, SavedSpot
from throughput.model.verdict import Form, Mark, OtherRow, Outcome, PartRow, SpotRow, Verdict

MOST_OF_IT = 0.5
"""Of the step's change: a component that no test singled out is blamed from here on."""
PART_OF_IT = 0.2
"""Of the component's change: a smaller one of a place doesn't explain it."""
STARVED_NOTE = 0.05
"""Of the time: from here on waiting for a CPU is worth a note, though it is taken out of all times."""
STARVED_MAX = 0.5
"""A side that waits for a CPU half the time raises no alarm: what caches lose to others is not taken out."""
CHANGED = (Mark.CHANGED, Mark.NEW, Mark.GONE)
TOLERANCES = {
    "memory peak": ("memory_peak_bytes", "bytes", 0.1, 1.0),
    "device memory in use, peak": ("device_memory_peak_bytes", "bytes", 0.1, 1.0),
    "start-up": ("startup_ms", "ns", 0.5, 1e6),
    "first batch": ("first_batch_ms", "ns", 0.5, 1e6),
    "samples/s": ("samples_per_s", "per_s", 0.05, 1.0),
}
"""Name -> field, unit, tolerance, factor to the unit. Start-up reads files that may be cached or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What the two sides are called."""

    base: str
    head: str


def evidence_of(pairs: Sequence[PairSample]) -> Pairs:
    """Return what the rule looks at."""
    errors = tuple(pair.error for pair in pairs if pair.error is not None)
    return Pairs(
        logs=tuple(pair.log_ratio for pair in pairs), errors=errors if len(errors) == len(pairs) else ()
    )


def stored_evidence(base: Benchmark, head: Sequence[ProcessSample]) -> Stored:
    """Return what the rule looks at where numbers were saved."""
    return Stored(saved=_logs(base.processes), now=_logs(head))


def of_pairs(
    pairs: Sequence[PairSample], decision: Decision, settings: Settings, form: Form, sides: Sides
) -> Verdict:
    """Return the verdict of pairs of fresh processes."""
    made = _verdict(evidence_of(pairs), decision, settings, form, sides)
    made = replace(
        made,
        base_ns=float(np.mean([pair.base_ns for pair in pairs])),
        head_ns=float(np.mean([pair.head_ns for pair in pairs])),
        parts=parts.of_pairs(pairs),
        others=_memory_rows(pairs),
    )
    return _blamed(_busy(made, [max(pair.starved) for pair in pairs]))


def of_benchmarks(base: Benchmark, head: Benchmark, decision: Decision, settings: Settings) -> Verdict:
    """Return the verdict of two benchmarks as numbers."""
    evidence = stored_evidence(base, head.processes)
    sides = Sides(base=base.name, head=head.name)
    made = _verdict(evidence, decision, settings, Form.STORED, sides)
    steps = tuple(float(np.mean([s.mean_ns for s in side.processes])) for side in (base, head))
    made = replace(
        made,
        base_ns=steps[0],
        head_ns=steps[1],
        parts=parts.of_processes(base.processes, head.processes),
        others=_other_rows(base.processes, head.processes),
    )
    starved = [starved_share(sample) for sample in (*base.processes, *head.processes)]
    return explained(_busy(made, starved), base, head)


def explained(verdict: Verdict, base: Benchmark, head: Benchmark) -> Verdict:
    """Return the verdict with the places and counts of a full run of each side.

    Their times are scaled to the steps that the verdict is about: the runs were made one after the other, and
    the machine's speed may have changed between them.
    """
    scaled = [
        _scaled(side.hotspots, step / float(np.mean([s.mean_ns for s in side.processes])))
        for side, step in ((base, verdict.base_ns), (head, verdict.head_ns))
    ]
    several = min(len(base.processes), len(head.processes)) > 1
    counts, compared = changed(base.counts, head.counts, several=several)
    return _blamed(
        replace(
            verdict,
            spots=parts.of_spots(*scaled, steps_ns=(verdict.base_ns, verdict.head_ns)),
            counts=counts,
            counted=compared,
        )
    )


def _verdict(evidence: Evidence, decision: Decision, settings: Settings, form: Form, sides: Sides) -> Verdict:
    found = decision.estimate
    outcome = decision.outcome or Outcome.UNSURE
    known = math.isfinite(found.half)
    sees = evidence.sees()
    return Verdict(
        sentence="",
        outcome=outcome,
        form=form,
        base=sides.base,
        head=sides.head,
        threshold=settings.threshold,
        ratio=math.exp(found.log_ratio),
        low=math.exp(found.low) if known else None,
        high=math.exp(found.high) if known else None,
        base_ns=0.0,
        head_ns=0.0,
        values=found.count,
        sees=math.expm1(sees) if sees is not None and sees < 5 else None,
        more=more_needed(evidence, settings) if outcome is Outcome.UNSURE else None,
        logs=evidence.fresh(0, evidence.count),
    )


def _busy(verdict: Verdict, starved: Sequence[float]) -> Verdict:
    """Return the verdict with what waiting for a CPU means for it: less trust, never an alarm."""
    most = max(starved, default=0.0)
    if most < STARVED_NOTE:
        return verdict
    note = f"The machine was busy: a process waited for a CPU {most:.0%} of its time, which is taken out."
    notes: tuple[str, ...] = (note,)
    if most > STARVED_MAX and verdict.outcome in (Outcome.SLOWER, Outcome.FASTER):
        notes = (*notes, "That is too much for an alarm: check again on a quieter machine.")
        return replace(verdict, outcome=Outcome.UNSURE, notes=(*verdict.notes, *notes))
    return replace(verdict, notes=(*verdict.notes, *notes))


def _blamed(verdict: Verdict) -> Verdict:
    """Return the verdict with the component that moved most in its direction, and the place within it."""
    step = verdict.head_ns - verdict.base_ns
    side = 1.0 if verdict.ratio >= 1 else -1.0
    told = verdict.outcome in (Outcome.SLOWER, Outcome.FASTER)
    moved = [row for row in verdict.parts if (row.change or 0.0) * side > 0]
    sure = [row for row in moved if row.mark is Mark.CHANGED]
    likely = [row for row in moved if abs(_difference(row)) >= MOST_OF_IT * abs(step)] if told else []
    part = next(iter(sure or likely), None)
    return replace(verdict, part=part, spot=_place_to_blame(part, verdict.spots, side) if part else None)


def _place_to_blame(part: PartRow, spots: Sequence[SpotRow], side: float) -> SpotRow | None:
    found = [
        row
        for row in spots
        if row.mark in CHANGED
        and component(part.component) == component(row.category)
        and ((row.head_ns or 0.0) - (row.base_ns or 0.0)) * side >= PART_OF_IT * abs(_difference(part))
    ]
    return next(iter(found), None)


def _difference(row: PartRow) -> float:
    return (row.head_ns or 0.0) - (row.base_ns or 0.0)


def _scaled(spots: Sequence[SavedSpot], factor: float) -> tuple[SavedSpot, ...]:
    return tuple(
        replace(
            spot,
            ns_per_step=round(spot.ns_per_step * factor),
            half_ns=None if spot.half_ns is None else round(spot.half_ns * factor),
            each_ns=tuple(round(value * factor) for value in spot.each_ns),
        )
        for spot in spots
    )


def _other_rows(base: Sequence[ProcessSample], head: Sequence[ProcessSample]) -> tuple[OtherRow, ...]:
    rows = []
    for name, (field, unit, tolerance, factor) in TOLERANCES.items():
        sides = [[getattr(s, field) for s in side if getattr(s, field) is not None] for side in (base, head)]
        if all(sides):
            before, now = (float(np.median(side)) * factor for side in sides)
            rows.append(_other_row(name, unit, (before, now), tolerance))
    return tuple(rows)


def _memory_rows(pairs: Sequence[PairSample]) -> tuple[OtherRow, ...]:
    known = [(one, other) for one, other in (pair.memory for pair in pairs) if one and other]
    if not known:
        return ()
    before, now = (float(np.median([pair[n] for pair in known])) for n in (0, 1))
    return (_other_row("memory peak", "bytes", (before, now), TOLERANCES["memory peak"][2]),)


def _other_row(name: str, unit: str, both: tuple[float, float], tolerance: float) -> OtherRow:
    before, now = both
    beyond = before > 0 and abs(now / before - 1) > tolerance
    return OtherRow(name=name, unit=unit, base=before, head=now, tolerance=tolerance, beyond=beyond)


def _logs(processes: Sequence[ProcessSample]) -> tuple[float, ...]:
    return tuple(math.log(sample.mean_ns) for sample in processes)
