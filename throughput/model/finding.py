"""Describe what rules conclude: findings in plain text, each with its evidence, fix and prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from throughput.model.attribution import Attribution, Place
from throughput.model.category import Category
from throughput.model.run import Run
from throughput.model.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Step time before / after the fix; `basis` says how it is known.

    Raises:
        ValueError: low > speedup or speedup > high.
    """

    speedup: float
    low: float
    high: float
    basis: str = "bound"
    """bound (the share, if the fix removed all of it), replay or experiment."""
    assumes: str = ""
    next_category: Category | None = None
    """What then takes most of a step; None for a bound."""
    next_share: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.speedup <= self.high:
            raise ValueError(f"prediction out of order: {self.low} <= {self.speedup} <= {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSettings:
    """Arguments of a DataLoader that a fix sets; None leaves one as it is."""

    num_workers: int | None = None
    prefetch_factor: int | None = None
    in_order: bool | None = None
    persistent_workers: bool | None = None
    even_workers: bool = False
    """Work is dealt so that no worker has harder batches than another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that costs time: plain text, never markup."""

    rule: str
    title: str
    category: Category
    where: Place | None
    evidence: tuple[str, ...]
    fix: str
    saves_ns_per_step: float
    """What a step would lose if the fix removed all of the cost; ranks the findings."""
    prediction: Prediction | None = None
    sets: LoaderSettings | None = None
    """The loader's settings that the fix names, where it is settings."""
    ranks: tuple[int, ...] = (0,)
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a rule may look at, of one rank."""

    run: Run
    timeline: Timeline
    attribution: Attribution


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """A rule's answer: fired, quiet, not_applicable or error, with the reason."""

    rule: str
    state: str
    reason: str | None = None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check with its own examples; `check`'s docstring is what `throughput explain` prints."""

    name: str
    check: Callable[[Facts], Finding | None]
    requires: tuple[str, ...] = ()
    """Collectors without which silence means nothing: light, stacks, torch, cprofile, locks, host, gpu."""
    needs_device: bool = False
    saves_time: bool = True
    """False: its findings are about something else than time, and count though they save none."""
    fires: Callable[[], tuple[Facts, ...]] = field(default=lambda: ())
    quiet: Callable[[], tuple[Facts, ...]] = field(default=lambda: ())
