"""Say what fits into a span of time: steps, samples and epochs, now and after the top fix."""

from __future__ import annotations

import re
from dataclasses import dataclass

from throughput.attribute.ledger import ledger_of
from throughput.errors import UsageError
from throughput.model.finding import Facts
from throughput.model.ledger import ONCE, RECURRING, LedgerRow, part_count, part_seconds
from throughput.model.report import Budget, CategoryMoney, Money, Report

STEPS_PRICED = 1_000
"""Where an epoch's length is not known."""
PRICE = re.compile(
    r"\s*(?P<before>[^\s\d.,/+-]{0,3})\s*(?P<amount>\d{1,9}(?:\.\d{1,9})?)\s*(?P<after>[^\s\d.,/+-]{0,3})\s*(?:/\s*h)?\s*"
)
SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a run costs once, a step, and for each step what comes back now and then; seconds."""

    once_s: float
    step_s: float
    recurring_s: float


def seconds_of(text: str) -> float:
    """Return the seconds that a span such as 90s, 30m, 12h or 2d stands for.

    Raises:
        UsageError: it is no such span.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)\s*", text)
    if not match or not float(match.group(1)):
        raise UsageError(f"{text} is no span of time.", hint="Write it as 90s, 30m, 12h or 2d.")
    return float(match.group(1)) * SECONDS[match.group(2)]


def budget_of(report: Report, facts: tuple[Facts, ...], seconds: float) -> Budget | None:
    """Return what fits, by the run's ledger; None where no step was timed.

    What a run pays once is counted once; evaluations, checkpoints and epoch ends come as often as they came
    in the run; our own collectors don't count. Epochs count only where the loader's iterators were seen to
    end, so that an epoch's batches are known.
    """
    speed = report.throughput
    if speed is None:
        return None
    costs = _costs(report, facts)
    running = max(seconds - costs.once_s, 0.0)
    top = report.findings[0].prediction if report.findings else None
    gain = top.speedup if top is not None else None
    steps = running / (costs.step_s + costs.recurring_s)
    after = running / (costs.step_s / gain + costs.recurring_s) if gain else None
    each = speed.samples_per_s / speed.steps_per_s if speed.samples_per_s is not None else None
    epoch = _epoch_steps(facts)
    return Budget(
        seconds=seconds,
        steps_now=steps,
        steps_after=after,
        samples_now=steps * each if each is not None else None,
        samples_after=after * each if after is not None and each is not None else None,
        epochs_now=steps / epoch if epoch else None,
        epochs_after=after / epoch if after is not None and epoch else None,
        once_s=min(costs.once_s, seconds) if report.ledger is not None else None,
        recurring_s=steps * costs.recurring_s if report.ledger is not None else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Money for an hour of all that a run occupies."""

    per_hour: float
    currency: str


def price_of(text: str) -> Price:
    """Return the price that 2.49, 2.49/h, $2.49/h or "2.49 EUR/h" stands for.

    Raises:
        UsageError: it is no such price.
    """
    match = PRICE.fullmatch(text)
    if not match or not float(match["amount"]) > 0:
        raise UsageError(
            f"{text} is no price.", hint="Write it as 2.49/h, for an hour of what the run occupies."
        )
    return Price(per_hour=float(match["amount"]), currency=match["before"] or match["after"])


def money_of(report: Report, facts: tuple[Facts, ...], price: Price) -> Money | None:
    """Return what an epoch, or 1,000 steps, cost at a price; None where no step was timed."""
    if report.throughput is None:
        return None
    costs = _costs(report, facts)
    epoch = _epoch_steps(facts)
    steps = round(epoch) if epoch else STEPS_PRICED
    per_step = price.per_hour / 3600 * costs.step_s
    return Money(
        per_hour=price.per_hour,
        currency=price.currency,
        steps=steps,
        is_epoch=bool(epoch),
        amount=steps * (per_step + price.per_hour / 3600 * costs.recurring_s),
        categories=tuple(
            CategoryMoney(category=row.category, amount=steps * per_step * row.share)
            for row in report.split
            if row.share
        ),
    )


def _costs(report: Report, facts: tuple[Facts, ...]) -> Costs:
    """Return what the ledger says; without one, the start-up and the clean steps as they are."""
    assert report.throughput is not None
    step_s = 1.0 / report.throughput.steps_per_s
    rows = report.ledger
    ledger = ledger_of(facts[0].run, facts[0].timeline) if facts else None
    if rows is None or ledger is None or not ledger.step_ns:
        return Costs(once_s=report.startup_s or 0.0, step_s=step_s, recurring_s=0.0)
    # The mean of all ranks' steps, less what the ledger books elsewhere in those of the first.
    whole_ns = [step.duration_ns for step in facts[0].timeline.steps if step.block.is_clean]
    own_share = min(ledger.step_ns * len(whole_ns) / max(sum(whole_ns), 1), 1.0)
    step_s *= own_share
    return Costs(once_s=_once_s(rows, step_s), step_s=step_s, recurring_s=_recurring_s(rows))


def _once_s(rows: tuple[LedgerRow, ...], step_s: float) -> float:
    """Return what is paid once; steps of the warm-up are steps, so only what they took longer counts."""
    slower = part_seconds(rows, "warmup") - part_count(rows, "warmup") * step_s
    return part_seconds(rows, *ONCE, "shutdown", "rest") + max(slower, 0.0)


def _recurring_s(rows: tuple[LedgerRow, ...]) -> float:
    """Return what comes back between steps, for each step of the run."""
    steps = part_count(rows, "steps") + part_count(rows, "warmup")
    return part_seconds(rows, *RECURRING) / max(steps, 1)


def _epoch_steps(facts: tuple[Facts, ...]) -> float | None:
    """Return the steps of an epoch, where one was seen from its start to the next one's."""
    if not facts:
        return None
    timeline = facts[0].timeline
    for loader in timeline.loaders:
        starts = loader.start_ns
        if len(starts) >= 2:
            inside = [s for s in timeline.steps if starts[0] <= s.end_ns < starts[1]]
            return float(len(inside)) or None
    return None
