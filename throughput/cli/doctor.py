"""Run `doctor`: print what this machine can collect, what would change what it can't, and its ceilings."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from throughput import units
from throughput.collect.abilities import abilities
from throughput.collect.ceilings import measure_ceilings
from throughput.flows.ceilings import keep_ceilings
from throughput.model.ceilings import MeasuredCeiling

COLOURS = {"ok": "green", "limited": "yellow", "unavailable": "red"}


def run_doctor(python: str | None) -> None:
    """Print one row an ability, with its remedy under it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for ability in abilities(python, Path.cwd()):
        colour = COLOURS[ability.state]
        text = ability.detail + (f"\n  try: {ability.remedy}" if ability.remedy else "")
        table.add_row(ability.name, f"[{colour}]{ability.state}[/{colour}]", text)
    Console(highlight=False).print(table)


def run_bench(python: str | None) -> None:
    """Measure the ceilings of this machine, print and keep them for later reports.

    Raises:
        UsageError: that Python has no torch, or the cache can't be written.
    """
    found = measure_ceilings(python)
    console = Console(highlight=False)
    for ceiling in found:
        console.print(_line(ceiling), markup=False)
    kept = keep_ceilings(found)
    console.print(f"Kept in {kept}: later reports say which part of this a training reaches.", markup=False)


def _line(ceiling: MeasuredCeiling) -> str:
    threads = "" if ceiling.threads is None else f", {units.plural(ceiling.threads, 'thread')}"
    speeds = [f"{dtype} {units.flops(speed)}/s" for dtype, speed in ceiling.flops_per_s.items()]
    copies = f"memory {units.quantity(ceiling.bytes_per_s, 'bytes_per_s')}"
    return f"{ceiling.device}{threads}: {', '.join([*speeds, copies])} (torch {ceiling.torch_version})"
