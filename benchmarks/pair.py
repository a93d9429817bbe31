"""Read a slow script, its fixed twin and the truth about them from their folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runs import Command
from benchmarks.store import HERE, digest

PAIRS = HERE / "pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A planted cause: where it is, what it is called, and what its removal leaves."""

    name: str
    slow: Path
    fixed: Path
    workers: tuple[int, ...]
    args: dict[int, tuple[str, ...]]
    steps: int
    category: str
    file: str
    line: int
    function: str
    hotspot: str
    remains: float

    def command(self, side: str, workers: int, steps: int) -> Command:
        """Return how to run one side, `slow` or `fixed`."""
        script = self.slow if side == "slow" else self.fixed
        options = ("--steps", str(steps), "--workers", str(workers), *self.args[workers])
        return Command(arguments=(str(script), *options))

    def digest(self) -> str:
        """Return a hash of the pair's files: a result of others is stale."""
        return digest(self.slow.parent, self.fixed.parent)


def read(folder: Path) -> Pair:
    """Return the pair that a folder's truth file describes."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return Pair(
        name=truth["name"],
        slow=(folder / truth["slow"]).resolve(),
        fixed=(folder / truth["fixed"]).absolute(),
        workers=tuple(truth["workers"]),
        args={int(workers): tuple(words) for workers, words in truth["args"].items()},
        steps=truth["steps"],
        category=truth["category"],
        file=truth["file"],
        line=truth["line"],
        function=truth["function"],
        hotspot=truth["hotspot"],
        remains=truth["remains"],
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
