"""Finds the function of the data pipeline that the step waits for."""

from __future__ import annotations

import re

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import HALF, facts, loader, loading, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

MACHINERY = re.compile(
    r"torch[/.]utils[/.]data|multiprocessing[/.]|(^|/)(queue|threading|selectors|socket)\.py|DataLoader"
)
"""The loader's own queues: what is seen there is waiting whose cause was not found, no work to speed up."""


def check(facts: Facts) -> Finding | None:
    """See one function of the data pipeline that takes a tenth of the step or more.

    Why it costs: the training thread waits until a batch is made, so what the pipeline does for each
    sample is paid in step time, also in workers once they can't keep up.
    How to fix: do it once, when the data set is made or in a file; do it for the whole batch at once; use
    a faster routine; move it to the device. Where CPUs are idle, more workers hide it.
    When it is wrong: the work must be done anew for each sample (random augmentation) and is already as
    fast as it gets. Ordinary work under a tenth of the step is not reported.
    Sources: DS-Analyzer (VLDB'21), Lotus (IISWC'24), PyTorch's performance tuning guide.
    """
    work = [
        place
        for place in reading.places(facts, Category.DATA_LOADING)
        if not any(MACHINERY.search(text) for text in (place.file, place.name))
    ]
    if not work:
        return None
    top = work[0]
    fix = (
        f"Speed up or avoid {top.name}: do it once (when the data set is made), or for a whole batch at once."
    )
    idle, summary = reading.idle_cpus(facts), facts.attribution.loader
    if summary is not None and idle is not None and idle >= 1:
        count = summary.num_workers + int(idle)
        fix += f" Or hide it, since CPUs are idle: DataLoader(..., num_workers={count})."
    more = () if summary is None else (evidence.batch(summary),)
    title = f"{top.name} is the slowest part of the data pipeline"
    return findings.at_places(facts, work[:1], (title, fix), costs.generic(facts), more)


def _fires() -> tuple[Facts, ...]:
    rounding = loading("numpy.round", 0.5, "site-packages/numpy/fromnumeric.py:99", caller="data.py:48")
    return (
        facts({Category.DATA_LOADING: 0.6}, (rounding,), loader=loader(2)),
        facts({Category.DATA_LOADING: 0.6}, (rounding,), loader=loader(0), counters={"tree_cpus": 1}),
    )


def _quiet() -> tuple[Facts, ...]:
    queue = loading("Queue.get", 0.4, "site-packages/multiprocessing/queues.py:103")
    return (
        facts({Category.DATA_LOADING: 0.08}, (loading("numpy.stack", 0.07),)),
        facts({Category.DATA_LOADING: 0.4}, (queue, spot("model", 0.5))),
        facts({Category.DATA_LOADING: 0.12}, (loading("numpy.round", 0.12, low=HALF, high=0.3),)),
    )


RULE = SpecificRule(
    name="slow-transform",
    check=check,
    requires=("stacks",),
    supersedes=("no-workers", "too-few-workers", "prefetch-shallow"),
    fires=_fires,
    quiet=_quiet,
)
