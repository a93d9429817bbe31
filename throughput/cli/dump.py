"""Run `dump`: print who waits for whom in a running process, and the stacks of all its threads."""

from __future__ import annotations

import sys

from throughput.flows.stall import dump
from throughput.model.place import legible


def run_dump(pid: int) -> None:
    """Print it.

    Raises:
        UsageError: there is no such process.
        ThroughputError: nothing at all is shown of it.
    """
    found = dump(pid)
    sentence = found.stall.sentence
    print(legible(f"{sentence[:1].upper()}{sentence[1:]}."))
    print()
    sys.stdout.write(legible(found.text))
