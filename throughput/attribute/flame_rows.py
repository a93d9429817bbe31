"""Gather the rows of one tab of a flame graph, and scale what was seen in each step to that step's time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from throughput.attribute.flame_paths import Paths
from throughput.attribute.intervals import Floats, span_of
from throughput.attribute.split import COLUMN, Split
from throughput.attribute.view import CleanView
from throughput.model.category import CATEGORIES, Category
from throughput.model.flame import FlameRows
from throughput.model.timeline import Ints

NUMBER = {category: number for number, category in enumerate(CATEGORIES)}


@dataclass(slots=True)
class Columns:
    """Columns that grow by whole arrays; `raw` is time as it was seen, for the scale within a step."""

    stack: list[Ints] = field(default_factory=list)
    category: list[Ints] = field(default_factory=list)
    ns: list[Floats] = field(default_factory=list)
    raw: list[Floats] = field(default_factory=list)
    step: list[Ints] = field(default_factory=list)
    count: int = 0

    def add(self, stack: Ints, category: Ints, ns: Floats, raw: Floats, step: Ints) -> None:
        """Add rows."""
        for column, values in ((self.stack, stack), (self.category, category), (self.step, step)):
            column.append(np.asarray(values, dtype=np.int64))
        self.ns.append(np.asarray(ns, dtype=np.float64))
        self.raw.append(np.asarray(raw, dtype=np.float64))

    def add_lump(self, stack: int, category: Category, ns: float) -> None:
        """Add time that belongs to no step in particular; nothing where there is none."""
        if ns > 0:
            one = np.ones(1, dtype=np.int64)
            self.add(
                one * stack, one * NUMBER[category], np.array([ns]), np.zeros(1), np.full(1, -1, np.int64)
            )

    def fit(self, whole: float, stack: int) -> None:
        """Make the time sum to `whole`: what is missing gets a stack that says so, too much is scaled."""
        known = float(sum(part.sum() for part in self.ns))
        if known <= whole:
            self.add_lump(stack, Category.UNATTRIBUTED, whole - known)
        else:
            self.ns = [part * (whole / known) for part in self.ns]

    def divide_compute(self, split: Split) -> None:
        """Make compute and host work relate as in the split: Python between operators has no stack.

        With a device they are not of one kind of time, so each stack keeps its category.
        """
        compute, host = NUMBER[Category.COMPUTE], NUMBER[Category.HOST_WORK]
        wanted, other = (
            float(split.parts[:, COLUMN[kind]].sum()) for kind in (Category.COMPUTE, Category.HOST_WORK)
        )
        seen, rest = self._of(compute), self._of(host)
        if split.device is not None or wanted + other <= 0:
            return
        wanted *= (seen + rest) / (wanted + other)
        if seen > wanted:
            self._move(compute, host, (seen - wanted) / seen)
        elif rest > 0:
            self._move(host, compute, (wanted - seen) / rest)

    def _of(self, category: int) -> float:
        """Return the time of a category."""
        pairs = zip(self.category, self.ns, strict=True)
        return float(sum(ns[kinds == category].sum() for kinds, ns in pairs))

    def _move(self, category: int, other: int, share: float) -> None:
        """Give a share of every row of a category to another one."""
        for place in range(len(self.stack)):
            mine = self.category[place] == category
            kept = np.where(mine, 1.0 - share, 1.0)
            ns, raw = self.ns[place], self.raw[place]
            stack, step = self.stack[place][mine], self.step[place][mine]
            self.add(stack, np.full(len(stack), other), ns[mine] * share, raw[mine] * share, step)
            self.ns[place], self.raw[place] = ns * kept, raw * kept

    def rows(self, tab: str, steps: int, *, whole: Floats | None = None) -> FlameRows:
        """Return the tab.

        Args:
            tab: its name.
            steps: how many steps the time is of.
            whole: time of each clean step that the rows seen in it sum to; None keeps them as they were seen.
        """
        if not self.stack:
            return FlameRows(tab=tab, steps=steps, samples=self.count)
        step, category = np.concatenate(self.step), np.concatenate(self.category)
        raw, ns = np.concatenate(self.raw), np.concatenate(self.ns)
        step_ns = np.where(step >= 0, raw, 0.0)
        if whole is not None:
            seen = np.bincount(step[step >= 0], weights=raw[step >= 0], minlength=len(whole))
            scale = np.divide(whole, seen, out=np.zeros(len(whole)), where=seen > 0)
            step_ns = np.where(step >= 0, raw * scale[np.maximum(step, 0)], 0.0)
            # Measured of each step, not sampled: it is not scaled.
            step_ns = np.where(category == NUMBER[Category.CPU_STARVED], ns, step_ns)
        return FlameRows(
            tab=tab,
            steps=steps,
            samples=self.count,
            stack=np.concatenate(self.stack),
            category=category,
            ns=ns,
            step=step,
            step_ns=step_ns,
        )


def step_of(view: CleanView, times: Ints) -> Ints:
    """Return the clean step that holds each time; -1 where none does."""
    return span_of(times, view.start_ns, view.end_ns)


def add_starved(split: Split, paths: Paths, columns: Columns) -> Floats:
    """Add what each step waited for a CPU, and return it."""
    starved = split.parts[:, COLUMN[Category.CPU_STARVED]].astype(np.float64)
    steps = np.flatnonzero(starved)
    stack = paths.stack((paths.word("waits for a CPU"),))
    ones = np.ones(len(steps), dtype=np.int64)
    kind = ones * NUMBER[Category.CPU_STARVED]
    columns.add(ones * stack, kind, starved[steps], np.zeros(len(steps)), steps)
    return starved
