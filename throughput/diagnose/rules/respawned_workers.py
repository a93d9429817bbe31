"""Finds workers that are started again in every epoch."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, settings
from throughput.model.finding import Facts, Finding, LoaderSettings, Rule
from throughput.model.timeline import Loader

FIX = "Keep the workers between epochs: DataLoader(..., persistent_workers=True)"


def check(facts: Facts) -> Finding | None:
    """See DataLoader workers started anew for each epoch, and what the steps wait for that.

    Why it costs: each epoch begins with a fork or a fresh Python that imports torch (seconds with spawn),
    and with empty queues.
    How to fix: persistent_workers=True; longer epochs, where the data set is small.
    When it is wrong: epochs last minutes, so that a second at their start is nothing.
    Sources: torch.utils.data documentation (persistent_workers).
    """
    gaps: list[int] = []
    starts = 0
    for loader in facts.timeline.loaders:
        if loader.num_workers > 0 and loader.persistent_workers is False and loader.iterators_started > 1:
            found = _gaps(facts, loader)
            gaps += found
            starts += len(found)
    cost = costs.of_events(facts, gaps)
    if cost is None:
        return None
    lines = (
        f"workers were started {units.plural(starts, 'time')} within the measured steps",
        f"a start takes {units.duration(sum(gaps) / len(gaps))}",
        f"that is {evidence.time_of(cost)}",
    )
    texts = ("Workers are started again in every epoch", FIX)
    return findings.of_loader(facts, cost, texts, lines, sets=LoaderSettings(persistent_workers=True))


def _gaps(facts: Facts, loader: Loader) -> list[int]:
    """Return how long the training thread waited at each start within the clean steps.

    From the start of an iterator until it stands, and on until its first batch where that is known.
    """
    steps, batches = reading.clean_steps(facts), facts.timeline.batches
    if not steps:
        return []
    gaps = []
    for start, ready in zip(loader.start_ns, loader.ready_ns, strict=False):
        if not any(step.start_ns <= start < step.end_ns for step in steps):
            continue
        first = batches.consumed_ns[(batches.wanted_ns >= start) & (batches.consumed_ns >= ready)]
        wanted = batches.wanted_ns[(batches.wanted_ns >= start) & (batches.consumed_ns >= ready)]
        waited = int(first.min() - wanted.min()) if len(first) else 0
        gaps.append(max(0, ready - start) + max(0, waited))
    return gaps


def _fires() -> tuple[Facts, ...]:
    starts = tuple(range(0, 10_000_000_000, 1_000_000_000))
    ready = tuple(start + 150_000_000 for start in starts)
    return (facts(loaders=(settings(2, iterators_started=10, start_ns=starts, ready_ns=ready),)),)


def _quiet() -> tuple[Facts, ...]:
    once = settings(2, start_ns=(0,), ready_ns=(900_000_000,))
    kept = settings(
        2, persistent_workers=True, iterators_started=10, start_ns=(0,) * 9, ready_ns=(10**9,) * 9
    )
    quick = settings(2, iterators_started=3, start_ns=(0, 5 * 10**9), ready_ns=(10**6, 5 * 10**9 + 10**6))
    return (facts(loaders=(once,)), facts(loaders=(kept,)), facts(loaders=(quick,)))


RULE = Rule(name="respawned-workers", check=check, requires=("loader",), fires=_fires, quiet=_quiet)
