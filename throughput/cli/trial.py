"""Run `try`: say what will run and how often, run it in turns, print predicted beside measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from throughput import units
from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.compare.lockstep import Ratio
from throughput.flows.trial import keep, trials_of, try_one
from throughput.model.experiment import Experiment


def run_try(
    options: ProfileOptions,
    *,
    knobs: dict[str, int | bool],
    run: str | None,
    pairs: int,
    seconds: float,
) -> int:
    """Try settings, and print what each bought.

    Raises:
        ThroughputError: the script doesn't step, or there is no such run.
    """
    folder = Path(run).resolve() if run is not None else None
    console = Console(highlight=False)
    chosen = trials_of(knobs, folder)
    console.print(
        f"The script runs up to {2 * pairs * len(chosen)} times ({units.plural(len(chosen), 'trial')}, "
        f"{pairs} pairs of processes each, at most {seconds:.0f} s of turns a pair), and writes each time "
        "what it always writes.",
        style="dim",
    )
    began, made = time.monotonic(), []
    for trial in chosen:
        console.print(f"{trial.name} ...", style="dim")
        one = try_one(
            options, trial, pairs=pairs, turns=Turns(seconds=seconds), heard=lambda r: _heard(console, r)
        )
        made.append(one)
        if folder is not None:
            keep(folder, made)
    console.print(_table(made))
    console.print(f"Took {time.monotonic() - began:.0f} s.", style="dim")
    if folder is not None:
        console.print(f"Kept in {run}/experiments.json; `throughput report {run}` shows them.", style="dim")
    return 0


def _heard(console: Console, ratio: Ratio) -> None:
    console.print(
        f"  after {units.plural(ratio.pairs, 'pair')}: {units.ratio(1 / ratio.ratio)}"
        f" ({units.ratio(1 / ratio.high)} to {units.ratio(1 / ratio.low)})",
        style="dim",
    )


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
