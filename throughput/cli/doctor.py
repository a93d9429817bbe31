"""Run `doctor`: print what this machine can collect, and what would change what it can't."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from throughput.collect.abilities import abilities

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
