"""Turn a Report into the page's tables: loader, locks, and what stands behind the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from throughput import units
from throughput.model.attribution import LoaderSummary, LockSummary
from throughput.model.report import Report
from throughput.model.run import CollectorStatus
from throughput.render import loading, view
from throughput.render.html.sections import Amounts

Fact = tuple[str, str]
OF_WORKERS = (
    "From made to arrived",
    "A worker is busy",
    "Making a batch, by worker",
    "A later batch lay ready",
)
"""What a loader without workers has not."""
TRAINING_THREAD = "MainThread"
LOCKS = 12  # rows; locks beyond cost little, they are ranked
COLLECTORS = 16
WORDS = {
    "cpu": "CPU",
    "cpus": "CPUs",
    "gpu": "GPU",
    "gpus": "GPUs",
    "os": "OS",
    "numa": "NUMA",
    "env": "variables",
}
"""Words of environment keys that are not written as they are spelt."""
FACTS = 30  # rows of environment
INTERVALS = f"95{units.NBSP}%, block bootstrap over steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRow:
    """A lock as the page shows it."""

    name: str
    places: str
    waits: str
    harmful: str
    idle: str
    chain: str
    """Who waits for whom, from the training thread on."""


def loader_rows(loader: LoaderSummary | None) -> tuple[Fact, ...]:
    """Return the life of a batch, as titles and values; empty where no loader was seen."""
    if loader is None:
        return ()
    number = loader.num_workers
    workers = units.count(number) if number else "none: the training thread makes its batches"
    spread = ", ".join(units.duration(ns) for ns in loader.per_worker_made_ns[:16])
    found = [
        ("Workers", workers),
        (
            "Prefetch factor",
            units.count(loader.prefetch_factor) if loader.prefetch_factor is not None else "",
        ),
        ("Batches seen", units.count(loader.batches)),
        ("The training thread waits for a batch", units.duration(loader.waited_ns)),
        ("A batch is ready when asked for", _of(loader.readiness, "of the time")),
        ("Making a batch", units.duration(loader.made_ns)),
        ("– fetching its samples", units.duration(loader.fetch_ns)),
        ("– collating them", units.duration(loader.collate_ns)),
        ("– on a CPU", units.duration(loader.cpu_ns)),
        ("– blocked", units.duration(loader.blocked_ns)),
        ("– waiting for a CPU", units.duration(loader.runq_ns)),
        ("From made to arrived", units.duration(loader.transfer_ns)),
        ("A worker is busy", _of(loader.busy_share, "of the window")),
        ("Making a batch, by worker", spread),
        ("A later batch lay ready", _of(loader.out_of_order_share, "of the waits")),
        *loading.rows(loader),
    ]
    return tuple((title, value) for title, value in found if value and (number or title not in OF_WORKERS))


def _of(share: float | None, whole: str) -> str:
    return units.NOT_MEASURED if share is None else f"{units.percent(share)} {whole}"


def lock_rows(locks: Sequence[LockSummary] | None, amounts: Amounts) -> tuple[LockRow, ...]:
    """Return the locks that were waited for, those that cost the step first."""
    ranked = sorted(
        locks or (), key=lambda lock: -(lock.training_ns_per_step + lock.through_waker_ns_per_step)
    )
    rows = []
    for lock in ranked[: min(LOCKS, amounts.hotspots)]:
        name, *places = view.lock(lock.places)
        harmful = lock.training_ns_per_step + lock.through_waker_ns_per_step
        rows.append(
            LockRow(
                name=name,
                places=", ".join(places),
                waits=units.count(lock.waits),
                harmful=units.duration(harmful),
                idle=units.duration(lock.idle_ns_per_step),
                chain=lock_chain(lock),
            )
        )
    return tuple(rows)


def lock_chain(lock: LockSummary) -> str:
    """Return "training thread ← make-1 ← Cache.lock ← make-0 at cache.py:32", from the waiter where idle."""
    training, through = lock.training_ns_per_step, lock.through_waker_ns_per_step
    waiters = [waiter for waiter in lock.waiters if waiter != TRAINING_THREAD or training >= through]
    held_at = lock.places.held_at
    at = f" at {view.plain(held_at, 100)}" if held_at else ""
    links = [
        "training thread" if training + through > 0 else "",
        "" if training >= through and training > 0 else " or ".join(waiters[:3]),
        lock.places.name,
        f"{lock.holder or 'an unknown holder'}{at}",
    ]
    return " ← ".join(view.plain(link, 160) for link in links if link)


def about(report: Report, amounts: Amounts) -> tuple[Fact, ...]:
    """Return what stands behind the figures: window, collectors, intervals, rules, machine and software."""
    run = report.run
    found = [
        ("Window", view.window(run.window)),
        ("A step is", view.plain(run.window.step_rule or "", amounts.text)),
        ("Intervals", INTERVALS),
        ("Start to first step", "" if report.startup_s is None else units.duration(report.startup_s * 1e9)),
        ("First batch", "" if report.first_batch_s is None else units.duration(report.first_batch_s * 1e9)),
        ("Budget", "" if report.budget is None else view.budget(report.budget)),
        ("Money", view.money(report)),
        ("Rules", _rules(report)),
        ("Not measured", "; ".join(view.not_measured(report.split, device=view.has_device(report.split)))),
        *_collectors(run.collectors[:COLLECTORS]),
        ("Run", view.plain(run.run_id, 80)),
        ("throughput", view.plain(run.tool_version, 40)),
        *environment(run.environment, amounts),
    ]
    return tuple((title, value) for title, value in found if value)


def _collectors(states: Sequence[CollectorStatus]) -> tuple[Fact, ...]:
    """Return the collectors that worked in one line, and each that has more to say of it."""
    said = {view.plain(one.name, 40): view.collector_state(one) for one in states}
    plain = [name for name, text in said.items() if text == "ok"]
    return (
        ("Collectors that worked", ", ".join(plain)),
        *((f"Collector {name}", text) for name, text in said.items() if name not in plain),
    )


def _rules(report: Report) -> str:
    words = {"fired": "fired", "quiet": "found nothing", "not_applicable": "did not apply", "error": "failed"}
    states = Counter(rule.state for rule in report.rules)
    return ", ".join(f"{states[state]} {text}" for state, text in words.items() if states[state])


def environment(values: dict[str, Any], amounts: Amounts) -> tuple[Fact, ...]:
    """Return what is known of machine and software, as titles and values; nested settings in one line."""
    rows = ((_title(key), _value(key, value, amounts.text)) for key, value in list(values.items())[:FACTS])
    return tuple((title, text) for title, text in rows if text)


def _title(key: str) -> str:
    words = view.plain(key, 60).removesuffix("_bytes").split("_")
    title = " ".join(WORDS.get(word, word) for word in words)
    return title[:1].upper() + title[1:]


def _value(key: str, value: Any, longest: int) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return units.size(value) if key.endswith("_bytes") else units.count(value)
    if isinstance(value, dict):
        return view.relative(", ".join(f"{k}={v}" for k, v in value.items()), longest)
    if isinstance(value, (list, tuple)):
        return view.relative(", ".join(map(str, value)), longest)
    return view.relative(str(value), longest)
