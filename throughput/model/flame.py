"""Describe where time went by stack: the columns behind a flame graph, with the steps that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from throughput.model.timeline import Frame, Ints, Stacks, no_ints

Floats = npt.NDArray[np.float64]
TABS = ("training", "blame", "workers", "threads", "kernels")
"""What a flame graph can show: the training thread; the same with waiting replaced by what was waited for;
the DataLoader workers; all threads; what devices ran, by name."""


def no_floats() -> Floats:
    """Return an empty column."""
    return np.zeros(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlameRows:
    """One tab's time by stack: columns of equal length.

    Attributes:
        tab: one of TABS.
        stack: index into `Flames.stacks.stacks`.
        category: index into CATEGORIES.
        ns: time over `steps` steps; in the tabs training and blame it sums to those steps' time.
        steps: how many steps `ns` is of.
        step: which clean step each row was seen in, -1 where in none.
        step_ns: the row's part of that step: of one step they sum to its duration in training and blame.
        samples: instants behind the rows; 0 where they were not sampled but recorded whole.
    """

    tab: str
    steps: int
    samples: int
    stack: Ints = field(default_factory=no_ints)
    category: Ints = field(default_factory=no_ints)
    ns: Floats = field(default_factory=no_floats)
    step: Ints = field(default_factory=no_ints)
    step_ns: Floats = field(default_factory=no_floats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flames:
    """The flame graphs of a rank: its tabs, their stacks, and where waiting leads.

    `waits` pairs the frames of a wait, down to the first below own code, with the frames below which the tab
    "blame" shows what was waited for.
    """

    stacks: Stacks = field(default_factory=Stacks)
    tabs: tuple[FlameRows, ...] = ()
    waits: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()


def synthetic(text: str) -> Frame:
    """Return a frame that no code has, for time that no stack explains: "waits for a CPU"."""
    return Frame(function=text, file="", line=0, own=False)
