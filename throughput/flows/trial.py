"""Try settings by experiment: the script as it is and with one setting changed, in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory, write_whole
from throughput.compare.lockstep import Ratio
from throughput.diagnose.replay.ask import Question, answer
from throughput.diagnose.replay.predict import model_of
from throughput.flows.analyse import analyse
from throughput.flows.experiments import ARGUMENTS, FILE, arguments_of, read_experiments
from throughput.flows.lockstep import compare_in_turns
from throughput.model.experiment import Experiment, Experiments
from throughput.model.finding import LoaderSettings
from throughput.model.report import Analysis

SETTLED = 0.03
"""An interval this narrow (half its width) needs no further pair."""
LEAST_PAIRS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A change to try, and what a replay predicts for it."""

    name: str
    knobs: dict[str, int | bool]
    predicted: float | None = None


def trials_of(knobs: dict[str, int | bool], run: Path | None) -> tuple[Trial, ...]:
    """Return what to try: what was asked for, else the ceiling and the settings that the run's report names.

    Raises:
        UsageError: no run there.
        DamagedFile: the run can't be read.
    """
    analysis = analyse(RunDirectory(run)) if run is not None else None
    if knobs:
        words = ", ".join(f"{name}={value}" for name, value in knobs.items())
        return (Trial(name=words, knobs=knobs, predicted=_predicted(analysis, knobs)),)
    chosen = [Trial(name="training from cached batches (the ceiling)", knobs={"cached": True})]
    for named in _named_settings(analysis):
        words = ", ".join(f"{name}={value}" for name, value in named.items())
        chosen.append(Trial(name=words, knobs=named, predicted=_predicted(analysis, named)))
    return tuple(chosen)


def try_one(
    options: ProfileOptions, trial: Trial, *, pairs: int, turns: Turns, heard: Callable[[Ratio], None]
) -> Experiment:
    """Return what the change buys, from as many fresh pairs as it takes, at most `pairs`.

    Raises:
        ScriptFailed: the script doesn't step, or hangs, with the change or without.
    """

    def enough(ratio: Ratio) -> bool:
        heard(ratio)
        return ratio.pairs >= LEAST_PAIRS and (ratio.high - ratio.low) / 2 <= SETTLED * ratio.ratio

    changed = replace(options, knobs=trial.knobs)
    # The changed side comes second: its step time over that of the script as it is.
    found = compare_in_turns(options, changed, pairs=pairs, turns=turns, done=enough)
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
