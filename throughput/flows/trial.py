"""Try settings by experiment: the script as it is and with one setting changed, in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory, write_whole
from throughput.compare.lockstep import PairRatio, Ratio, combined, pair_ratio, per_samples
from throughput.compare.losses import breaks_losses, loss_drift
from throughput.diagnose.replay.ask import Question, answer
from throughput.diagnose.replay.predict import model_of
from throughput.flows.analyse import analyse
from throughput.flows.experiments import ARGUMENTS, FILE, arguments_of, read_experiments
from throughput.flows.lockstep import pair_in_turns
from throughput.model.experiment import Experiment, Experiments
from throughput.model.finding import LoaderSettings
from throughput.model.report import Analysis
from throughput.model.timeline import Timeline

SETTLED = 0.03
"""An interval this narrow (half its width) needs no further pair."""
LEAST_PAIRS = 2
CEILINGS = {
    "cached": "training from cached batches (the ceiling)",
    "loader_only": "the loader alone, without training (its ceiling)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A change to try, and what a replay predicts for it."""

    name: str
    knobs: dict[str, int | bool]
    predicted: float | None = None
    per_samples: bool = False
    """The change alters what a step is, so speed is judged by samples."""
    numerics: str | None = None
    """What it changes of the numbers that the training computes."""
    watched: str | None = None
    """A setting that says itself whether it found something to change; losses are compared, too."""


@dataclass(slots=True)
class Tried:
    """What the pairs of one trial showed so far."""

    ratios: list[PairRatio]
    losses: list[tuple[list[float], list[float]]]

    def add(self, trial: Trial, first: Timeline, second: Timeline) -> Ratio:
        """Take the timelines of a pair; return the ratio of step times over all pairs so far."""
        pair = pair_ratio(first, second)
        self.ratios.append(per_samples(pair, first, second) if trial.per_samples else pair)
        self.losses.append((first.facts.get("losses") or [], second.facts.get("losses") or []))
        return combined(self.ratios)


def trials_of(knobs: dict[str, int | bool], run: Path | None) -> tuple[Trial, ...]:
    """Return what to try: what was asked for, else the ceiling and the settings that the run's report names.

    Raises:
        UsageError: no run there.
        DamagedFile: the run can't be read.
    """
    analysis = analyse(RunDirectory(run)) if run is not None else None
    if knobs:
        return (_asked(analysis, knobs),)
    chosen = [Trial(name=CEILINGS["cached"], knobs={"cached": True})]
    for named in _named_settings(analysis):
        words = ", ".join(f"{name}={value}" for name, value in named.items())
        chosen.append(Trial(name=words, knobs=named, predicted=_predicted(analysis, named)))
    return tuple(chosen)


def _asked(analysis: Analysis | None, knobs: dict[str, int | bool]) -> Trial:
    ceilings = [words for name, words in CEILINGS.items() if knobs.get(name)]
    words = ", ".join(f"{name}={value}" for name, value in knobs.items() if name not in CEILINGS)
    return Trial(
        name=", ".join(part for part in (*ceilings, words) if part),
        knobs=knobs,
        predicted=_predicted(analysis, knobs),
        per_samples=bool(knobs.get("loader_only")),
    )


def try_one(
    options: ProfileOptions, trial: Trial, *, pairs: int, turns: Turns, heard: Callable[[Ratio], None]
) -> Experiment | None:
    """Return what the change buys, from as many fresh pairs as it takes, at most `pairs`.

    None where the setting found nothing to change in this script.

    Raises:
        ScriptFailed: the script doesn't step, or hangs, with the change or without.
    """
    losses: dict[str, int | bool] = {"losses": True} if trial.watched else {}
    as_is, changed = (replace(options, knobs={**knobs, **losses}) for knobs in ({}, trial.knobs))
    tried = Tried([], [])
    for _ in range(pairs):
        first, second = pair_in_turns((as_is, changed), turns)
        if trial.watched and trial.watched not in second.facts.get("knobs", ()):
            return None
        ratio = tried.add(trial, first, second)
        heard(ratio)
        if ratio.pairs >= LEAST_PAIRS and (ratio.high - ratio.low) / 2 <= SETTLED * ratio.ratio:
            break
    return experiment_of(trial, tried)


def experiment_of(trial: Trial, tried: Tried) -> Experiment:
    """Return the result of a trial; the changed side comes second: its step time over that as it is."""
    found, first = combined(tried.ratios), tried.losses[0]
    drifts = [drift for pair in tried.losses if (drift := loss_drift(*pair)) is not None]
    comparable = not trial.per_samples
    return Experiment(
        name=trial.name,
        knobs=trial.knobs,
        speedup=1 / found.ratio,
        low=1 / found.high,
        high=1 / found.low,
        pairs=found.pairs,
        before_ns=found.first_ns,
        after_ns=found.second_ns,
        predicted=trial.predicted,
        per_samples=trial.per_samples,
        numerics=trial.numerics,
        losses=min(map(len, first)) if comparable else 0,
        loss_drift=max(drifts, key=abs) if drifts and comparable else None,
        loss_broke=any(breaks_losses(*pair) for pair in tried.losses),
        loss_drift_as_is=loss_drift(first[0], tried.losses[1][0]) if len(tried.losses) > 1 else None,
    )


def keep(run: Path, made: Sequence[Experiment]) -> Path:
    """Write the experiments into a run directory, beside those of other settings; return the file."""
    known = {str(sorted(one.knobs.items())): one for one in read_experiments(run)}
    known |= {str(sorted(one.knobs.items())): one for one in made}
    file = run / FILE
    data = msgspec.json.encode(Experiments(experiments=tuple(known.values())))
    write_whole(file, msgspec.json.format(data, indent=1) + b"\n")
    return file


def _named_settings(analysis: Analysis | None) -> list[dict[str, int | bool]]:
    """Return the loader settings that a report's findings and its replay name."""
    if analysis is None:
        return []
    named = [arguments_of(finding.sets) for finding in analysis.report.findings if finding.sets]
    table, loader = analysis.report.replay, analysis.report.loader
    if table is not None and table.best is not None and loader is not None:
        best = {"num_workers": table.best.num_workers, "prefetch_factor": table.best.prefetch_factor or 2}
        if table.best.num_workers != loader.num_workers and best not in named:
            named.append(dict(best))
    return [knobs for number, knobs in enumerate(named) if knobs and knobs not in named[:number]]


def _predicted(analysis: Analysis | None, knobs: dict[str, int | bool]) -> float | None:
    """Return the speed-up that a replay predicts for loader settings; None where it can't say."""
    facts = analysis.facts[0] if analysis is not None and analysis.facts else None
    model = model_of(facts) if facts is not None and set(knobs) <= set(ARGUMENTS) else None
    if facts is None or model is None or not model.is_trusted:
        return None
    settings = msgspec.convert(knobs, LoaderSettings)
    after = answer(facts, model, Question(settings=settings))
    return model.now.step_ns / after.step_ns
