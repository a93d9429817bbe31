"""Turn values from fresh processes, in the order in which they came, into a verdict, or a wish for more.

The rule looks after each further value. It ends early where the whole interval lies under the threshold, or
where an alarm was confirmed by fresh processes that were not part of what raised it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from throughput.compare.student import point
from throughput.model.verdict import Outcome

CONFIDENCE = 0.995
"""Of one look: with up to ten looks this kept alarms on identical code at 0 to 1 % (measured)."""
NORMAL_995 = 2.807
"""99.5 % point of the normal distribution, either side."""
FOUND = 0.8
"""Two-sided 80 % is one-sided 90 %: the power with which the smallest visible change would be found."""
MOST_PLANNED = 200
"""More fresh runs than that nobody waits for: they are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When a difference is one, and how long to look for it."""

    threshold: float = 0.05
    """Slower by this share of the step is a regression."""
    least: int = 3
    """Fresh values before the first look: fewer have no spread worth the name."""
    most: int = 12
    """Values after which the rule gives up; those that confirm an alarm come on top."""
    confirm: int = 2
    """Fresh values that must repeat an alarm: what differs by chance or layout does not recur."""

    @property
    def log_threshold(self) -> float:
        """The threshold as a log ratio."""
        return math.log1p(self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The log ratio of step times with half its interval's width, from so many fresh values."""

    log_ratio: float
    half: float
    """Infinite where there are too few values."""
    spread: float
    """Standard deviation of one value; 0 where there is only one."""
    count: int

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.log_ratio - self.half

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.log_ratio + self.half


class Evidence(Protocol):
    """Values in the order in which they came."""

    @property
    def count(self) -> int:
        """How many there are."""

    def upto(self, count: int) -> Estimate:
        """Return what the first `count` values say."""

    def fresh(self, begin: int, end: int) -> tuple[float, ...]:
        """Return the log ratios that values `begin` to `end` give by themselves."""

    def needed(self, gap: float) -> int | None:
        """Return how many more values would bring half the interval under `gap`; None where none would."""

    def sees(self) -> float | None:
        """Return the smallest log ratio that would be found with 90 % power; None where that is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of fresh processes, one of each side: a pair's log ratio is one value."""

    logs: tuple[float, ...]
    errors: tuple[float, ...] = ()
    """Each pair's own standard error, where it is known: a few pairs that agree by luck know no more."""

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.logs)

    def upto(self, count: int) -> Estimate:
        """Return the mean of the first pairs with Student's interval, never under what their errors say."""
        logs = np.array(self.logs[:count])
        if count < 2:
            middle = float(logs.mean()) if count else 0.0
            return Estimate(log_ratio=middle, half=math.inf, spread=0.0, count=count)
        spread = float(logs.std(ddof=1))
        half = point(CONFIDENCE, count - 1) * spread / math.sqrt(count)
        return Estimate(
            log_ratio=float(logs.mean()), half=max(half, self._floor(count)), spread=spread, count=count
        )

    def fresh(self, begin: int, end: int) -> tuple[float, ...]:
        """Return those pairs' log ratios."""
        return self.logs[begin:end]

    def needed(self, gap: float) -> int | None:
        """Return how many more pairs would bring half the interval under `gap`."""
        spread = self.upto(self.count).spread
        if gap <= 0 or self.count < 2:
            return None
        for count in range(self.count, MOST_PLANNED + 1):
            if point(CONFIDENCE, count - 1) * spread / math.sqrt(count) < gap:
                return max(1, count - self.count)
        return None

    def sees(self) -> float | None:
        """Return the smallest change that so many pairs would find."""
        if self.count < 2:
            return None
        freedom, found = self.count - 1, self.upto(self.count)
        one = max(found.spread / math.sqrt(self.count), self._floor(self.count) / NORMAL_995)
        return (point(CONFIDENCE, freedom) + point(FOUND, freedom)) * one

    def _floor(self, count: int) -> float:
        known = self.errors[:count]
        if not known:
            return 0.0
        return NORMAL_995 * math.sqrt(sum(error * error for error in known) / len(known) / count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Processes of a saved benchmark against processes of now: logs of their mean steps.

    The interval has room for a shift of either session, as large as the spread of one process: on shared
    machines two runs of identical code minutes apart differ by as much as two in a row, and nothing inside
    either session shows it.
    """

    saved: tuple[float, ...]
    now: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many processes of now there are."""
        return len(self.now)

    def upto(self, count: int) -> Estimate:
        """Return the difference of means with an interval from the pooled spread."""
        now = self.now[:count]
        freedom = len(self.saved) - 1 + len(now) - 1
        middle = float(np.mean(now) - np.mean(self.saved)) if now and self.saved else 0.0
        if freedom < 1 or not now or not self.saved:
            return Estimate(log_ratio=middle, half=math.inf, spread=0.0, count=count)
        spread = math.sqrt((_squares(self.saved) + _squares(now)) / freedom)
        half = point(CONFIDENCE, freedom) * spread * self._widening(len(now))
        return Estimate(log_ratio=middle, half=half, spread=spread, count=count)

    def fresh(self, begin: int, end: int) -> tuple[float, ...]:
        """Return those processes' log ratios to the saved mean."""
        middle = float(np.mean(self.saved)) if self.saved else 0.0
        return tuple(value - middle for value in self.now[begin:end])

    def needed(self, gap: float) -> int | None:
        """Return how many more processes of now would do; None where the saved ones are too few for that."""
        spread = self.upto(self.count).spread
        if gap <= 0 or self.count + len(self.saved) < 3:
            return None
        for count in range(self.count, MOST_PLANNED + 1):
            freedom = len(self.saved) + count - 2
            if point(CONFIDENCE, freedom) * spread * self._widening(count) < gap:
                return max(1, count - self.count)
        return None

    def sees(self) -> float | None:
        """Return the smallest change that so many processes would find."""
        freedom = len(self.saved) + self.count - 2
        if freedom < 1 or not self.count:
            return None
        one = self.upto(self.count).spread * self._widening(self.count)
        return (point(CONFIDENCE, freedom) + point(FOUND, freedom)) * one

    def _widening(self, count: int) -> float:
        """Return the standard error in spreads: both means', and a shift of either session."""
        return math.sqrt(1 / len(self.saved) + 1 / count + 2)


def _squares(values: Sequence[float]) -> float:
    column = np.array(values)
    return float(((column - column.mean()) ** 2).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rule says: an outcome, or None and how many more values it wants first."""

    outcome: Outcome | None
    estimate: Estimate
    wanted: int = 0
    confirming: bool = False
    """Whether an alarm stands that fresh processes have yet to repeat."""


def decide(evidence: Evidence, settings: Settings, *, last: bool = False) -> Decision:
    """Return the verdict on the values so far, in the order in which they came; `last`: there are no more.

    Slower: the interval lies above zero, the estimate reaches the threshold, and fresh values repeat it.
    Faster: the same, below zero. Same: the interval's upper end stays under the threshold.
    """
    limit = settings.log_threshold
    count, looked = settings.least, evidence.count
    while count <= min(looked, settings.most):
        found = evidence.upto(count)
        side = _alarm(found, limit)
        if side:
            until = count + settings.confirm
            if looked < until:
                return _open(evidence, wanted=until - looked, last=last, confirming=True)
            if _recurs(evidence.fresh(count, until), evidence.upto(until), side, limit):
                outcome = Outcome.SLOWER if side > 0 else Outcome.FASTER
                return Decision(outcome=outcome, estimate=evidence.upto(until))
            count = until
            if _alarm(evidence.upto(until), limit) == 0 and evidence.upto(until).high < limit:
                return Decision(outcome=Outcome.SAME, estimate=evidence.upto(until))
            continue
        if found.high < limit:
            return Decision(outcome=Outcome.SAME, estimate=found)
        count += 1
    if looked >= settings.most:
        return Decision(outcome=Outcome.UNSURE, estimate=evidence.upto(looked))
    return _open(evidence, wanted=max(1, settings.least - looked), last=last)


def _open(evidence: Evidence, *, wanted: int, last: bool, confirming: bool = False) -> Decision:
    return Decision(
        outcome=Outcome.UNSURE if last else None,
        estimate=evidence.upto(evidence.count),
        wanted=wanted,
        confirming=confirming,
    )


def _alarm(found: Estimate, limit: float) -> int:
    """Return 1 where it looks slower by the threshold or more, -1 where faster, else 0."""
    if found.low > 0 and found.log_ratio >= limit:
        return 1
    return -1 if found.high < 0 and found.log_ratio <= -limit else 0


def _recurs(fresh: Sequence[float], whole: Estimate, side: int, limit: float) -> bool:
    """Return whether fresh values repeat an alarm: all on its side, on average half the threshold or more."""
    if not fresh:
        return _alarm(whole, limit) == side
    alike = all(value * side > 0 for value in fresh) and float(np.mean(fresh)) * side >= limit / 2
    return alike and _alarm(whole, limit) == side


def more_needed(evidence: Evidence, settings: Settings) -> int | None:
    """Return how many more values would settle what can't be told yet; None where no number would."""
    found = evidence.upto(evidence.count).log_ratio
    limit = settings.log_threshold
    return evidence.needed(found if found >= limit else limit - found)
