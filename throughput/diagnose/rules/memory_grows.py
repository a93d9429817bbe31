"""Finds memory that grows with the steps until none is left."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import keepers, reading
from throughput.diagnose.examples import facts, growing, keeping
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

LEAST_BYTES = 32e6
"""Over the window: allocators' pools, imports on first use and Python's own tables move it by less."""
LEAST_SHARE = 0.01
"""Of what the process had at first, over the window: less is a pool that breathes."""
SOON_S = 7 * 86_400
"""A training that lasts a week is rare; a leak that is full later harms none."""


def check(facts: Facts) -> Finding | None:
    """See private memory rise in every part of the measured steps, until a limit ends the run.

    Why it costs: the kernel or the container kills the run, hours later; before that it swaps.
    How to fix: keep numbers, not tensors with their graphs; bound caches; in workers keep data in arrays, not
    in lists of Python objects, whose counts of references are written to and so copied.
    When it is wrong: a cache is being filled that ends when all samples were seen.
    Sources: PyTorch's FAQ ("don't accumulate history across your training loop"), issue 13246 (workers).
    """
    memory = facts.attribution.memory
    growth = None if memory is None else memory.growth
    if memory is None or growth is None or not growth.is_steady or not growth.steps_to_limit:
        return None
    grown = growth.last_bytes - growth.first_bytes
    left_s = growth.steps_to_limit * reading.mean_step_ns(facts) / 1e9
    if grown < max(LEAST_BYTES, LEAST_SHARE * growth.first_bytes) or left_s > SOON_S:
        return None
    steps = units.plural(round(growth.steps_to_limit), "step")
    line = keepers.line_that_explains(growth)
    return Finding(
        rule="",
        title=f"Memory grows until none is left: {growth.role}, {units.size(growth.bytes_per_step)} a step",
        category=Category.HOST_WORK,
        where=None if line is None else Place(function=line.function, file=line.file, line=line.line),
        evidence=(
            (
                f"from {units.size(growth.first_bytes)} to {units.size(growth.last_bytes)} in "
                f"{units.plural(growth.steps, 'step')}, steadily"
            ),
            f"{units.size(growth.low)} to {units.size(growth.high)} a step",
            (
                f"at this rate the limit of {units.size(memory.limit_bytes)} ({memory.limit_source}) comes "
                f"in {steps}, {units.duration(left_s * 1e9)}"
            ),
            *keepers.in_words(growth, line),
        ),
        fix=keepers.FIX_GRAPHS if line is not None and line.graphs_per_step else keepers.FIX,
        saves_ns_per_step=0.0,
    )


def _fires() -> tuple[Facts, ...]:
    known = [keeping(size, graphs) for size, graphs in ((9e5, 0.0), (80.0, 1.0), (80.0, 0.0))]
    return (facts(memory=growing(1e6)), *(facts(memory=growing(1e6, kept=one)) for one in known))


def _quiet() -> tuple[Facts, ...]:
    made = (growing(1e6, is_steady=False), growing(1e6, low=-1e5), growing(1e4), growing(1e6, limit=1e15))
    return (facts(), *(facts(memory=memory) for memory in made))


RULE = Rule(
    name="memory-grows",
    check=check,
    requires=("light", "host"),
    saves_time=False,
    fires=_fires,
    quiet=_quiet,
)
