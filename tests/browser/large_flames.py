"""Flame graphs of any size, made by chance: own code, libraries below, and steps of varying length."""

from __future__ import annotations

import random

import numpy as np

from throughput.model.attribution import StepBreakdown
from throughput.model.category import CATEGORIES, Category
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Frame, Stacks

LIBRARIES = ("torch/nn/modules/module.py", "numpy/_core/fromnumeric.py", "PIL/Image.py", "queue.py")
OWN = ("train.py", "data/dataset.py", "models/resnet.py")
KINDS = (Category.DATA_LOADING, Category.COMPUTE, Category.HOST_WORK, Category.LOCK_CONTENTION)
FUNCTIONS = 400
ZIPF = 1.3
"""How quickly rarer stacks get rarer: most time is in a few, as in real runs."""


def steps(count: int, seed: int = 1) -> tuple[StepBreakdown, ...]:
    """Return steps of about 80 ms, some of them three times as long."""
    chance = random.Random(seed)
    made = []
    for index in range(count):
        slow = 3 if chance.random() < 0.03 else 1
        parts = {kind: int(chance.gauss(20e6, 2e6)) * slow for kind in KINDS}
        made.append(StepBreakdown(index=index + 20, duration_ns=sum(parts.values()), parts_ns=parts))
    return tuple(made)


def flames(samples: int, stacks: int, over: tuple[StepBreakdown, ...], seed: int = 1) -> Flames:
    """Return the tabs training and blame with so many samples of at most so many different stacks."""
    chance = random.Random(seed)
    frames = tuple(_frame(number) for number in range(FUNCTIONS))
    paths = tuple(_path(chance) for _ in range(stacks))
    tabs = tuple(_rows(name, samples, stacks, over, seed + n) for n, name in enumerate(("training", "blame")))
    return Flames(stacks=Stacks(frames=frames, stacks=paths), tabs=tabs)


def _frame(number: int) -> Frame:
    own = number % 5 == 0
    files = OWN if own else LIBRARIES
    return Frame(
        function=f"Module{number % 37}.function_{number}",
        file=files[number % len(files)],
        line=number,
        own=own,
    )


def _path(chance: random.Random) -> tuple[int, ...]:
    """Return a stack of 3 to 24 frames: each function calls the same few others, the first most often."""
    path = [0]
    for _ in range(chance.randint(2, 23)):
        path.append((path[-1] * 5 + min(int(chance.expovariate(1.2)), 3) * 7 + 1) % FUNCTIONS)
    return tuple(path)


def _rows(name: str, samples: int, stacks: int, over: tuple[StepBreakdown, ...], seed: int) -> FlameRows:
    rng = np.random.default_rng(seed)
    stack = (rng.zipf(ZIPF, size=samples) - 1) % stacks
    step = np.sort(rng.integers(0, len(over), size=samples))
    durations = np.array([one.duration_ns for one in over], dtype=np.float64)
    ns = (durations / np.maximum(np.bincount(step, minlength=len(over)), 1))[step]
    kinds = np.array([CATEGORIES.index(kind) for kind in KINDS], dtype=np.int64)
    return FlameRows(
        tab=name,
        steps=len(over),
        samples=samples,
        stack=stack.astype(np.int64),
        category=kinds[stack % len(kinds)],
        ns=ns,
        step=step.astype(np.int64),
        step_ns=ns,
    )
