"""Say where the wall time of a whole process went: the ledger, whose parts sum to it."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = (
    "interpreter", "imports", "data_set", "model", "to_device", "workers", "first_batch", "compile", "warmup",
    "steps", "evaluation", "checkpoint", "epoch_boundary", "profiling", "shutdown", "rest",
)  # fmt: skip
"""In the order in which a run comes to them. `profiling` is our own collectors, `rest` what is left."""
ONCE = ("interpreter", "imports", "data_set", "model", "to_device", "workers", "first_batch", "compile")
"""What a run pays once, before it trains; compiling goes on within the first steps."""
RECURRING = ("evaluation", "checkpoint", "epoch_boundary")
"""What comes back between steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A part of a process's wall time; of imports a package each, of others what was made or the place."""

    part: str
    name: str
    seconds: float
    count: int

    def __post_init__(self) -> None:
        """Refuse a part that there is not, and less than no time."""
        if self.part not in PARTS or self.seconds < 0 or self.count < 0:
            raise ValueError(f"no row of a ledger: {self.part} {self.seconds} s, {self.count} times")


def part_seconds(rows: tuple[LedgerRow, ...] | None, *parts: str) -> float:
    """Return how long these parts took together."""
    return sum(row.seconds for row in rows or () if row.part in parts)


def part_count(rows: tuple[LedgerRow, ...] | None, part: str) -> int:
    """Return how often a part came."""
    return sum(row.count for row in rows or () if row.part == part)
