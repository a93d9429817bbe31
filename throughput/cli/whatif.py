"""Run `whatif`: print what a replay says of a change that was not made."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from throughput import units
from throughput.flows.whatif import WhatIf, parts_left, whatif
from throughput.model.finding import LoaderSettings
from throughput.model.report import ReplaySummary


def run_whatif(
    run: str,
    *,
    without: list[str],
    scale: list[str],
    settings: LoaderSettings | None,
    batch_size: int | None,
) -> None:
    """Print the step time as it would be; with no question, the loader's settings.

    Raises:
        ThroughputError: no such run or name, or a replay that can't be trusted.
    """
    found = whatif(
        Path(run).resolve(), left=parts_left(without, scale), settings=settings, batch_size=batch_size
    )
    console = Console(highlight=False)
    now = units.duration(found.measured_ns)
    console.print(f"Measured   {now} a step; a replay of it is right within {units.percent(found.error)}")
    if found.after_ns is not None:
        console.print(_answer(found))
    elif found.table is not None and found.table.settings:
        console.print(_settings(found.table))
    else:
        console.print("No DataLoader fed this run: ask with --without NAME.")


def _answer(found: WhatIf) -> str:
    low, ratio, high = found.speedup or (1.0, 1.0, 1.0)
    after = units.duration(found.after_ns or 0.0)
    waits = units.duration(found.wait_ns or 0.0)
    span = f"{units.ratio(low)} to {units.ratio(high)}"
    text = f"Predicted  {after} a step, {units.ratio(ratio)} ({span}); of it {waits} waiting for batches"
    if found.batch_scale == 1.0:
        return text
    samples = units.ratio(ratio * found.batch_scale)
    return f"{text}\n           {samples} the samples/s, if all work grows with the batch"


def _settings(table: ReplaySummary) -> Table:
    """Return the predicted speed of each setting, the best one marked."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("num_workers", "prefetch_factor", "speed", ""):
        shown.add_column(name, justify="right")
    for row in table.settings:
        ahead = "-" if row.prefetch_factor is None else str(row.prefetch_factor)
        best = "best" if row == table.best else ""
        shown.add_row(str(row.num_workers), ahead, units.rate(row.steps_per_s, "steps"), best)
    return shown
