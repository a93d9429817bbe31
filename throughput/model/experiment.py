"""Describe experiments: one setting changed, step times measured in turns with the script as it is."""

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
    """Fresh pairs of processes that ran in turns."""
    before_ns: float
    after_ns: float
    predicted: float | None = None
    """By replay of a run, where one was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """The file `experiments.json` of a run directory."""

    schema: int = EXPERIMENTS_SCHEMA
    experiments: tuple[Experiment, ...] = field(default=())
