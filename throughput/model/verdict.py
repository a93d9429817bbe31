"""Describe a comparison's outcome: what differs, by how much, how sure that is, and what is to blame."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

VERDICT_SCHEMA = 1
"""New optional fields don't raise it."""


class Outcome(str, Enum):
    """What a check says of step time."""

    SLOWER = "slower"
    """By the threshold or more, confirmed by fresh processes."""
    SAME = "same"
    """Not slower by the threshold or more; it may be slower or faster by less."""
    FASTER = "faster"
    UNSURE = "unsure"
    """Can't tell."""


class Form(str, Enum):
    """How the two sides were run."""

    LOCKSTEP = "lockstep"
    """Both alive, in turns of a tenth of a second."""
    INTERLEAVED = "interleaved"
    """Fresh processes of both, one after the other."""
    STORED = "stored"
    """Against numbers that were saved."""


class Mark(str, Enum):
    """What can be said of one row."""

    CHANGED = "changed"
    NOISE = "within noise"
    UNTESTED = "untested"
    """Too few values on either side for a test."""
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A component of the step on both sides, ns a step; None where it was not measured."""

    component: str
    """A category, or "compute_and_host" where only light timers ran."""
    base_ns: float | None
    head_ns: float | None
    change: float | None
    """Difference over the base's whole step."""
    half: float | None
    """Half the width of the change's 95 % interval."""
    p_value: float | None
    """Adjusted (Holm) for the number of components tested."""
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRow:
    """A place that costs step time, on both sides, ns a step."""

    name: str
    file: str
    line: int
    category: str
    process: str
    base_ns: float | None
    head_ns: float | None
    mark: Mark
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """Something a step does, counted on both sides, a step."""

    kind: str
    """As of a saved count."""
    name: str
    where: str | None
    """"file:line"."""
    base: float
    head: float
    exact: bool
    """Both sides' counts are the same in every step that was counted, so the difference is no noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRow:
    """A figure beside step time, with its own tolerance."""

    name: str
    unit: str
    """As of a counter: bytes, ns, per_s."""
    base: float
    head: float
    tolerance: float
    """Of the base: a larger change is pointed out."""
    beyond: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check or a comparison found; ratios are head over base, 1.05 is 5 % slower."""

    schema: int = VERDICT_SCHEMA
    sentence: str
    outcome: Outcome
    form: Form
    base: str
    head: str
    threshold: float
    ratio: float
    low: float | None
    """Of the interval of one look (99.5 %); None where there are too few values."""
    high: float | None
    base_ns: float
    head_ns: float
    values: int
    """Pairs of fresh processes, or processes of now against a saved benchmark."""
    sees: float | None
    """The smallest change that would be found with 90 % power, as a share."""
    more: int | None = None
    """How many more values would settle what can't be told; None where no number would."""
    part: PartRow | None = None
    """The component to blame; None where none stands out."""
    spot: SpotRow | None = None
    """The place to blame within it."""
    parts: tuple[PartRow, ...] = ()
    spots: tuple[SpotRow, ...] = ()
    counts: tuple[CountRow, ...] = ()
    """Those that changed."""
    counted: int = 0
    """How many were compared."""
    work_changed: bool = False
    """Counts were strict, and an exact one changed: that fails a check too."""
    others: tuple[OtherRow, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    """How long the check ran."""
    logs: tuple[float, ...] = field(default=())
    """Each value's log ratio, in the order in which they came."""
