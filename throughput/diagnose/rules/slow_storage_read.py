"""Finds batches that are late because their makers wait for storage, not for a CPU."""

from __future__ import annotations

import numpy as np

from throughput import units
from throughput.diagnose import evidence, findings, lateness, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import KINDS

MOSTLY = 0.5
"""From here on waiting, not computing, is the larger part of making a batch."""
FIX = (
    "Keep the files where reading is fast: copy them to a local disk or to memory (/dev/shm) before "
    "training, pack many small files into few large ones (tar, Parquet, LMDB), or read more of them at "
    "once (more workers, or threads within a worker)."
)


def check(facts: Facts) -> Finding | None:
    """See the makers of batches wait, without using a CPU, for most of the time that a batch takes.

    Why it costs: a read from a network file system or a cold disk takes milliseconds, in which the worker
    can do nothing else; the CPUs look idle and the step waits all the same.
    How to fix: stage the data locally, pack small files, read ahead. Faster code would change nothing.
    When it is wrong: the wait is for a lock, another process or a sleep; the evidence says what the
    kernel saw.
    Sources: DS-Analyzer (VLDB'21), Plumber (MLSys'22), PRESTO (SIGMOD'22).
    """
    summary = facts.attribution.loader
    if summary is None or not summary.made_ns or summary.blocked_ns is None:
        return None
    blocked = min(1.0, summary.blocked_ns / summary.made_ns)
    if blocked < MOSTLY:
        return None
    cost = lateness.of_making(facts, blocked)
    work = reading.places(facts, Category.DATA_LOADING)
    lines = [evidence.batch(summary), evidence.category(facts, Category.DATA_LOADING, "loading takes")]
    lines += [evidence.place(place) for place in work[:1]]
    seen = _blocked_in_io(facts)
    if seen is not None:
        lines.append(f"the kernel saw them in input or output {units.percent(seen)} of their blocked time")
    where = reading.own_place(facts, work[0]) if work else None
    title = "The data pipeline waits for storage, not for a CPU"
    return findings.of_cost(cost, (Category.DATA_LOADING, where), (title, FIX), lines)


def _blocked_in_io(facts: Facts) -> float | None:
    blocked, tracks = facts.timeline.blocked, facts.timeline.tracks
    workers = [number for number, track in enumerate(tracks) if track.role == "worker"]
    waits = np.isin(blocked.track, workers) & (blocked.kind != KINDS.index("running"))
    total = int(blocked.weight_ns[waits].sum())
    return (
        int(blocked.weight_ns[waits & (blocked.kind == KINDS.index("io"))].sum()) / total if total else None
    )


def _fires() -> tuple[Facts, ...]:
    slow = loader(2, cpu_ns=10e6, blocked_ns=88e6)
    return (facts({Category.DATA_LOADING: 0.5}, (loading("Files.__getitem__", 0.45),), loader=slow),)


def _quiet() -> tuple[Facts, ...]:
    split = {Category.DATA_LOADING: 0.5}
    return (facts(split, loader=loader(2)), facts(split, loader=loader(2, blocked_ns=None)))


RULE = SpecificRule(
    name="slow-storage-read",
    check=check,
    requires=("loader",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("slow-transform", "no-workers", "too-few-workers", "prefetch-shallow"),
)
