"""Run `explain`: print a rule's documentation, or the list of rules."""

from __future__ import annotations

import difflib
import inspect

from rich.console import Console
from rich.table import Table

from throughput.errors import UsageError
from throughput.flows.analyse import all_rules


def run_explain(name: str | None) -> None:
    """Print what a rule looks for.

    Raises:
        UsageError: there is no such rule.
    """
    console = Console(highlight=False)
    rules = {rule.name: rule for rule in all_rules()}
    if name is None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("rule", no_wrap=True)
        table.add_column("what it sees")
        for rule in sorted(rules.values(), key=lambda r: r.name):
            table.add_row(rule.name, _text(rule.check).split("\n")[0])
        console.print(table)
        return
    if name not in rules:
        near = difflib.get_close_matches(name, rules, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`throughput explain` lists all rules."
        raise UsageError(f"There is no rule {name}.", hint=hint)
    rule = rules[name]
    console.print(f"[bold]{name}[/bold]")
    console.print(_text(rule.check), markup=False, soft_wrap=True)
    if rule.requires:
        console.print(f"\nNeeds the collectors: {', '.join(rule.requires)}.", markup=False)


def _text(check: object) -> str:
    return inspect.getdoc(check) or "No documentation."
