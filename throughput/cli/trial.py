"""Run `try`: say what will run and how often, run it in turns, print predicted beside measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from throughput import units
from throughput.collect.environment import usable_cpus
from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.collect.page_cache import Dropped
from throughput.collect.run_directory import RunDirectory
from throughput.compare.lockstep import Ratio
from throughput.errors import ScriptFailed, UsageError
from throughput.flows.cold import try_cold
from throughput.flows.knob_trials import knob_trials
from throughput.flows.search import RUNS_MOST, Setting
from throughput.flows.search_trial import search_settings
from throughput.flows.trial import Trial, keep, trials_of, try_one
from throughput.model.experiment import Experiment

WRITES = "and writes each time what it always writes"
SEARCH_S = 10.0
"""A setting that is a tenth better shows in a few seconds of turns; the last choice is among equals."""
PAIR_S = 30.0
ALIKE = 1e-6
"""A drift of losses below it is no change: they are printed with fewer digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to try, and for how long."""

    settings: dict[str, int | bool]
    knobs: str | None = None
    cold: bool = False
    search: bool = False
    pairs: int = 3
    seconds: float | None = None

    def check(self) -> None:
        """Refuse what can't be tried together.

        Raises:
            UsageError: two ways of trying at once.
        """
        ways = {
            "--search": self.search,
            "--cold": self.cold,
            "--knobs": self.knobs is not None,
            "settings": bool(self.settings),
        }
        chosen = [name for name, is_asked in ways.items() if is_asked]
        if len(chosen) > 1:
            what = f"{chosen[0]} and {chosen[1]} can't be tried at once."
            raise UsageError(what, hint="Try one after the other; results are kept side by side with --run.")
        if self.settings.get("cached") and self.settings.get("loader_only"):
            what = "--cached and --loader-only can't be tried at once."
            raise UsageError(what, hint="One leaves out the loading, the other all else.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What all ways of trying need."""

    console: Console
    options: ProfileOptions
    asked: Asked
    folder: Path | None
    turns: Turns

    def say(self, text: str) -> None:
        """Print a line that is not the result."""
        self.console.print(text, style="dim")

    def heard(self, ratio: Ratio) -> None:
        """Print what the pairs so far come to."""
        self.say(
            f"  after {units.plural(ratio.pairs, 'pair')}: {units.ratio(1 / ratio.ratio)}"
            f" ({units.ratio(1 / ratio.high)} to {units.ratio(1 / ratio.low)})"
        )


def run_try(options: ProfileOptions, asked: Asked, run: str | None) -> int:
    """Try what was asked for, and print what each bought.

    Raises:
        ThroughputError: two ways of trying at once, the script doesn't step, or there is no such run.
    """
    asked.check()
    folder = Path(run).resolve() if run is not None else None
    if folder is not None:
        RunDirectory(folder).read_run()
    seconds = asked.seconds or (SEARCH_S if asked.search else PAIR_S)
    session = _Session(
        console=Console(highlight=False),
        options=options,
        asked=asked,
        folder=folder,
        turns=Turns(seconds=seconds),
    )
    began = time.monotonic()
    way: Callable[[_Session], list[Experiment]] = (
        _search if asked.search else _cold if asked.cold else _trials
    )
    made = way(session)
    session.say(f"Took {time.monotonic() - began:.0f} s.")
    if folder is not None and made:
        keep(folder, made)
        session.say(f"Kept in {run}/experiments.json; `throughput report {run}` shows them.")
    return 0


def _trials(session: _Session) -> list[Experiment]:
    """Try each setting that was named, or that the run's report names."""
    asked = session.asked
    if asked.knobs is not None:
        names = [name.strip() for name in asked.knobs.split(",") if name.strip()]
        chosen = knob_trials(names, usable_cpus() or 1)
    else:
        chosen = trials_of(asked.settings, session.folder)
    session.say(
        f"The script runs up to {2 * asked.pairs * len(chosen)} times ({units.plural(len(chosen), 'trial')}, "
        f"{units.plural(asked.pairs, 'pair')} of processes each, at most {session.turns.seconds:.0f} s of "
        f"turns a pair), {WRITES}."
    )
    made: list[Experiment] = []
    failures: list[ScriptFailed] = []
    for trial in chosen:
        session.say(f"{trial.name} ...")
        try:
            one = _one(session, trial)
        except ScriptFailed as failed:
            if len(chosen) == 1:
                raise
            failures.append(failed)
            session.say(f"  failed: {failed.what} {failed.hint or ''}".rstrip())
            continue
        if one is None:
            session.say("  there is nothing in this script that it would change")
            continue
        made.append(one)
        if session.folder is not None:
            keep(session.folder, made)
    if len(failures) == len(chosen):
        raise failures[-1]
    if made:
        session.console.print(_table(made))
    for line in _remarks(made):
        session.console.print(line)
    return made


def _one(session: _Session, trial: Trial) -> Experiment | None:
    return try_one(
        session.options, trial, pairs=session.asked.pairs, turns=session.turns, heard=session.heard
    )


def _cold(session: _Session) -> list[Experiment]:
    """Run with the data in the page cache, and without."""
    pairs, seconds = session.asked.pairs, session.turns.seconds
    session.say(
        f"The script runs {1 + 2 * pairs} times, one after the other: once to find its data files, then "
        f"{units.plural(pairs, 'pair')} of {seconds:.0f} s a run, {WRITES}."
    )
    one = try_cold(
        session.options,
        pairs=pairs,
        seconds=seconds,
        dropped=lambda found: session.say(f"  {_dropped(found)}"),
        heard=session.heard,
    )
    session.console.print(_table([one]))
    return [one]


def _dropped(found: Dropped) -> str:
    what = f"dropped {units.size(found.size_bytes)} in {units.plural(found.files, 'file')}"
    if found.before is None or found.after is None:
        return what
    then = f"{units.percent(found.before)} of it was in memory, {units.percent(found.after)} is now"
    return f"{what}: {then}"


def _search(session: _Session) -> list[Experiment]:
    """Look for the loader settings that are as good as any."""
    session.say(
        f"The script runs up to {2 * RUNS_MOST} times ({RUNS_MOST} settings at most, each beside the script "
        f"as it is, at most {session.turns.seconds:.0f} s of turns), {WRITES}."
    )

    def heard(setting: Setting, one: Experiment | None) -> None:
        words = ", ".join(f"{name}={value}" for name, value in setting.knobs().items())
        session.say(f"  {words}: {'failed' if one is None else units.ratio(one.speedup)}")

    found = search_settings(session.options, usable_cpus() or 1, turns=session.turns, heard=heard)
    session.console.print(_table(found.tried))
    if found.best is None:
        session.console.print("No setting is faster than the script's own.")
    else:
        gain = units.ratio(found.best.speedup)
        session.console.print(f"Best: {found.best.name}, {gain} the speed of the script as it is.")
    return list(found.tried)


def _table(made: Sequence[Experiment]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("what was changed")
    for name in ("step now", "then", "predicted", "measured"):
        shown.add_column(name, justify="right")
    for one in made:
        predicted = "-" if one.predicted is None else units.ratio(one.predicted)
        measured = f"{units.ratio(one.speedup)} ({units.ratio(one.low)} to {units.ratio(one.high)})"
        times = (units.duration(one.before_ns), units.duration(one.after_ns))
        shown.add_row(one.name, *times, predicted, measured)
    return shown


def _remarks(made: Sequence[Experiment]) -> list[str]:
    """Return what a figure of speed doesn't say: that steps were made alike, and what numbers change."""
    lines = []
    for one in made:
        if one.per_samples:
            lines.append(f"{one.name}: times are for the samples of a step as it was.")
        if one.numerics is not None:
            lines.append(f"{one.name}: changes {one.numerics}; {_loss(one)}.")
    return lines


def _loss(one: Experiment) -> str:
    """Return what became of the loss, "the last of 200 losses differ by +0.3 % (as it is: 0 %)"."""
    if one.loss_broke:
        return "a loss became no number"
    if one.loss_drift is None:
        return "its losses can't be compared" if one.losses else "no loss was compared"
    drift = 0.0 if abs(one.loss_drift) < ALIKE else one.loss_drift
    chance = one.loss_drift_as_is
    beside = "" if chance is None else f"; two runs as it is differ by {units.percent(abs(chance))}"
    return f"the last of {one.losses} losses differ by {units.change(drift)}{beside}"
