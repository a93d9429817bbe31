"""Let a plain and a profiled run of one loop take turns: a slow second of the machine slows both.

The loop holds after each block of steps until it gets its turn over a named pipe; turns go in ABBA order.
Ratios are taken block by block, between neighbours in time.
"""

from __future__ import annotations

import math
import os
import select
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

TRIMMED = 0.15
"""Share of block pairs left out at each end: a neighbour's burst inside one block is neither side's cost."""
FIRST_TURN_S = 120.0
"""Both sides must have started by then."""

Json = dict[str, Any]


class Turns:
    """A side's two named pipes: `go` gives it a turn, and on `done` it says that its block has ended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        for name in ("go", "done"):
            os.mkfifo(folder / name)
        # Both ways, so that opening never waits for the other end, and its end is no end of file.
        self.go = os.open(folder / "go", os.O_RDWR)
        self.done = os.open(folder / "done", os.O_RDWR)

    def wait(self, run: Future[Any], limit_s: float = math.inf) -> bool:
        """Return True once the block has ended, False where the run itself has."""
        waited = 0.0
        while waited < limit_s:
            if select.select([self.done], [], [], 0.2)[0]:
                os.read(self.done, 1)
                return True
            if run.done():
                return False
            waited += 0.2
        return False

    def give(self, count: int = 1) -> None:
        """Give that many turns."""
        os.write(self.go, b"x" * count)


def take_turns(folder: Path, plain: Callable[[], Any], profiled: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what both runs return; they take turns by the pipes in `folder`/plain and `folder`/profiled."""
    sides = [Turns(folder / name) for name in ("plain", "profiled")]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(plain), pool.submit(profiled)]
        alive = all(side.wait(run, FIRST_TURN_S) for side, run in zip(sides, runs, strict=True))
        order = [0, 1]
        while alive:
            for index in order:
                sides[index].give()
                alive = alive and sides[index].wait(runs[index])
            order.reverse()
        for side in sides:
            side.give(10_000)  # what is left of a run goes on alone
        return runs[0].result(), runs[1].result()


def block_costs(blocks: list[list[list[int]]], *, cpu: bool) -> list[float]:
    """Return each block's mean process CPU a step, or wall minus run-queue wait, ns."""
    costs = []
    for edges in blocks:
        deltas = [[b - a for a, b in zip(one, two, strict=True)] for one, two in pairwise(edges)]
        costs.append(sum(delta[1] if cpu else delta[0] - delta[2] for delta in deltas) / max(1, len(deltas)))
    return costs


def ratio(plain: Json, profiled: Json, clean: tuple[int, int], *, cpu: bool) -> float:
    """Return profiled over plain, the trimmed mean of the log ratios of blocks that lie in the clean steps.

    Raises:
        ValueError: no block lies in the clean steps.
    """
    size = len(plain["blocks"][0])
    first, last = -(-clean[0] // size), clean[1] // size
    costs = [block_costs(side["blocks"][first:last], cpu=cpu) for side in (plain, profiled)]
    logs = sorted(math.log(b / a) for a, b in zip(*costs, strict=False) if a > 0 and b > 0)
    if not logs:
        raise ValueError(f"no block of {size} steps within clean steps {clean}")
    out = int(len(logs) * TRIMMED)
    kept = logs[out : len(logs) - out]
    return math.exp(sum(kept) / len(kept))
