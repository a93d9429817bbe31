"""Word what rules saw, so that the same fact reads the same in every finding."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import reading
from throughput.diagnose.costs import Cost
from throughput.model.attribution import Hotspot, LoaderSummary, LockSummary
from throughput.model.category import Category
from throughput.model.finding import Facts


def time_of(cost: Cost) -> str:
    """Return "50 ms of a step (31 %)"."""
    return f"{units.duration(cost.ns)} of a step ({units.percent(cost.share, cost.half)})"


def place(hotspot: Hotspot) -> str:
    """Return what a place takes and where it runs."""
    half = max(0.0, (hotspot.high - hotspot.low) / 2)
    share = units.percent(hotspot.share, half)
    calls = hotspot.calls_per_step
    times = "once" if calls == 1 else f"{units.count(calls)} times"
    often = "" if calls is None else f", called {times} a step"
    time = f"{units.duration(hotspot.ns_per_step)} of a step ({share})"
    return f"{hotspot.name} takes {time} in the {hotspot.process}{often}"


def category(facts: Facts, wanted: Category, what: str) -> str:
    """Return "`what` 31 % of each step (50 ms)"."""
    row = reading.row(facts, wanted)
    if row is None or row.share is None:
        return f"{what} {units.NOT_MEASURED}"
    half = None if row.low is None or row.high is None else max(0.0, (row.high - row.low) / 2)
    time = "" if row.ns_per_step is None else f" ({units.duration(row.ns_per_step)})"
    return f"{what} {units.percent(row.share, half)} of each step{time}"


def batch(loader: LoaderSummary) -> str:
    """Return how long a batch takes to make, and what of it is CPU and what is waiting."""
    text = f"making a batch takes {units.duration(loader.made_ns)}"
    parts = (("CPU", loader.cpu_ns), ("blocked", loader.blocked_ns), ("waiting for a CPU", loader.runq_ns))
    known = [f"{units.duration(ns)} {name}" for name, ns in parts if ns is not None]
    return f"{text}: {', '.join(known)}" if known else text


def workers(loader: LoaderSummary) -> str:
    """Return how many workers there are and how busy."""
    text = units.plural(loader.num_workers, "worker")
    if loader.busy_share is None:
        return f"the loader has {text}"
    return f"the loader has {text}, busy {units.percent(loader.busy_share)} of the time"


def lock(summary: LockSummary) -> str:
    """Return how often a lock was waited for, and where it was made and is held."""
    spots = (("made at", summary.places.made_at), ("held at", summary.places.held_at))
    known = [f"{word} {spot}" for word, spot in (*spots, ("waited for at", summary.places.waited_at)) if spot]
    where = f"; {', '.join(known)}" if known else ""
    return f"{units.plural(summary.waits, 'wait')} for {summary.places.name} ({summary.places.kind}){where}"


def idle(facts: Facts) -> str:
    """Return how many CPUs were idle."""
    idle_, cpus = reading.idle_cpus(facts), reading.usable_cpus(facts)
    if idle_ is None:
        return f"idle CPUs: {units.NOT_MEASURED}"
    return f"{units.count(round(idle_, 1))} of {units.count(cpus)} CPUs were idle"
