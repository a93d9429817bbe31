"""Search for a script's loader settings: each run is a pair of processes in turns, as it is and with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.errors import ScriptFailed, ThroughputError
from throughput.flows.lockstep import pair_in_turns
from throughput.flows.search import BETTER, RUNS_MOST, Setting, search
from throughput.flows.trial import Trial, Tried, experiment_of
from throughput.model.experiment import Experiment

Heard = Callable[[Setting, Experiment | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found: all that was tried, and the best of it; None where the script's own is as good."""

    tried: tuple[Experiment, ...]
    best: Experiment | None


@dataclass(slots=True)
class _Measure:
    """Measures settings, and remembers the experiments."""

    options: ProfileOptions
    turns: Turns
    heard: Heard
    made: dict[Setting, Experiment] = field(default_factory=dict)
    has_device: bool = False
    failure: ThroughputError | None = None

    def __call__(self, setting: Setting) -> float:
        """Return the speed-up of a setting over the script as it is; 0 where it doesn't run so."""
        knobs = setting.knobs()
        name = ", ".join(f"{name}={value}" for name, value in knobs.items())
        trial = Trial(name=name, knobs=knobs)
        tried = Tried([], [])
        try:
            first, second = pair_in_turns((self.options, replace(self.options, knobs=knobs)), self.turns)
            tried.add(trial, first, second)
        except ScriptFailed as failed:
            self.failure = failed
            self.heard(setting, None)
            return 0.0
        self.has_device = bool(first.facts.get("device_used"))
        self.made[setting] = one = experiment_of(trial, tried)
        self.heard(setting, one)
        return one.speedup


def search_settings(
    options: ProfileOptions, cores: int, *, turns: Turns, heard: Heard, runs: int = RUNS_MOST
) -> Found:
    """Return the loader settings tried and the best of them, after at most `runs` short runs.

    Raises:
        ScriptFailed: the script runs with none of them.
    """
    measure = _Measure(options, turns, heard)
    best, speedups = search(measure, cores, pins=lambda: measure.has_device, runs=runs)
    if not measure.made:
        assert measure.failure is not None
        raise measure.failure
    is_gain = math.isfinite(speedups[best]) and speedups[best] > 1 + BETTER
    return Found(tried=tuple(measure.made.values()), best=measure.made[best] if is_gain else None)
