"""Read a slow script, its fixed twin and the truth about them from their folder; or a clean script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.runs import Command
from benchmarks.store import HERE, digest

PAIRS = HERE / "pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A planted cause: where it is, what it is called, which rules know it."""

    category: str
    file: str
    line: int
    function: str
    hotspot: str
    """What a report should call it; empty where no place has to be named as hotspot."""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A slow script and its twin; a clean script has a twin alone, and no plant."""

    name: str
    slow: Path | None
    fixed: Path
    workers: tuple[int, ...]
    args: dict[int, tuple[str, ...]]
    steps: int
    plant: Plant | None = None
    second: Plant | None = None
    """A smaller cause beside the first."""
    remains: float = 0.0
    """Share of the cause's cost that the twin still pays."""
    unscored: tuple[str, ...] = ()
    """Categories whose truth the script's stopwatch can't tell."""

    def command(self, side: str, workers: int, steps: int) -> Command:
        """Return how to run one side, `slow` or `fixed`."""
        script = self.slow if side == "slow" else self.fixed
        options = ("--steps", str(steps), "--workers", str(workers), *self.args[workers])
        return Command(arguments=(str(script), *options))

    def sides(self) -> tuple[str, ...]:
        """Return the sides that there are."""
        return ("fixed",) if self.slow is None else ("slow", "fixed")

    def digest(self) -> str:
        """Return a hash of the pair's files: a result of others is stale."""
        return digest(*(script.parent for script in (self.slow, self.fixed) if script is not None))


def read(folder: Path) -> Pair:
    """Return the pair that a folder's truth file describes."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    clean = truth.get("clean")
    return Pair(
        name=truth["name"],
        slow=None if clean else (folder / truth["slow"]).resolve(),
        fixed=(folder / (clean or truth["fixed"])).absolute(),
        workers=tuple(truth["workers"]),
        args={int(workers): tuple(words) for workers, words in truth["args"].items()},
        steps=truth["steps"],
        plant=None if clean else _plant(truth),
        second=_plant(truth["second"]) if "second" in truth else None,
        remains=truth.get("remains", 0.0),
        unscored=tuple(truth.get("unscored", ())),
    )


def _plant(truth: dict[str, Any]) -> Plant:
    rules = truth.get("rule", ())
    return Plant(
        category=truth["category"],
        file=truth["file"],
        line=truth["line"],
        function=truth["function"],
        hotspot=truth["hotspot"],
        rules=(rules,) if isinstance(rules, str) else tuple(rules),
    )


def read_all(folder: Path, names: list[str]) -> list[Pair]:
    """Return the pairs of the given names, or all; in the order of their names.

    Raises:
        SystemExit: there is no pair of that name.
    """
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/truth.json"))}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        raise SystemExit(f"no pair named {', '.join(unknown)}; there are {', '.join(found) or 'none'}")
    return [read(found[name]) for name in names or found]
