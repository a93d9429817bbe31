"""Describe experiments: one setting changed, step times measured beside those of the script as it is."""

from __future__ import annotations

from dataclasses import dataclass, field

EXPERIMENTS_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What a change bought, measured; `speedup` is step time before / after, with its 95 % interval."""

    name: str
    knobs: dict[str, int | bool]
    speedup: float
    low: float
    high: float
    pairs: int
    """Fresh pairs of processes."""
    before_ns: float
    after_ns: float
    predicted: float | None = None
    """By replay of a run, where one was given."""
    form: str = "in turns"
    """in turns, or one after the other."""
    per_samples: bool = False
    """The change alters what a step is: times are for the samples of a step as it was."""
    numerics: str | None = None
    """What it changes of the numbers that the training computes; None: nothing."""
    losses: int = 0
    """How many losses were seen on both sides."""
    loss_drift: float | None = None
    """By how much the mean of the last losses differs, relative; None where losses were not seen alike."""
    loss_broke: bool = False
    """The change made a loss no number."""
    loss_drift_as_is: float | None = None
    """The same between two runs of the script as it is: what chance alone does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """The file `experiments.json` of a run directory."""

    schema: int = EXPERIMENTS_SCHEMA
    experiments: tuple[Experiment, ...] = field(default=())
