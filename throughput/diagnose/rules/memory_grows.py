"""Finds memory that grows with the steps until none is left."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import reading
from throughput.diagnose.examples import facts, growing
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule
from throughput.model.memory import KeptAt, KeptMemory, MemoryGrowth

LEAST_BYTES = 32e6
"""Over the window: allocators' pools, imports on first use and Python's own tables move it by less."""
LEAST_SHARE = 0.01
"""Of what the process had at first, over the window: less is a pool that breathes."""
SOON_S = 7 * 86_400
"""A training that lasts a week is rare; a leak that is full later harms none."""
EXPLAINS = (0.2, 3.0)
"""Of the growth: a line that holds less is a small leak beside another one; one that holds far more lets
older objects go instead, which were made before allocations were traced."""
FIX_GRAPHS = (
    "Keep the number, not the tensor: what is kept here holds each step's graph with its activations\n"
    "    total += loss.item()     # or loss.detach(), where the tensor itself is needed"
)
FIX = (
    "Keep numbers of past steps, not tensors with their graphs, and give each cache a bound\n"
    "    total += loss.item()     # not: losses.append(loss)\n"
    "    tracemalloc.start()      # its snapshots name the lines where Python holds more and more"
)


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
    line = _keeper(growth)
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
            *_of_lines(growth, line),
        ),
        fix=FIX_GRAPHS if line is not None and line.graphs_per_step else FIX,
        saves_ns_per_step=0.0,
    )


def _keeper(growth: MemoryGrowth) -> KeptAt | None:
    """Return the line that explains the growth: graphs that stay, or else a good part of the bytes."""
    least, most = (part * growth.bytes_per_step for part in EXPLAINS)
    lines = growth.kept.lines if growth.kept is not None else ()
    return next((x for x in lines if x.graphs_per_step or least <= x.bytes_per_step <= most), None)


def _of_lines(growth: MemoryGrowth, line: KeptAt | None) -> tuple[str, ...]:
    """Return what is known of the lines that keep it; nothing where they were not looked for."""
    if growth.kept is None:
        return ()
    traced = f"in {units.plural(growth.kept.steps, 'step')} under tracemalloc"
    if line is None:
        return (f"no line of Python explains it {traced}: C code holds it, or its allocator",)
    what = f"{units.size(line.bytes_per_step)} in {units.count(line.objects_per_step)} objects"
    if line.graphs_per_step:
        what = f"{units.count(line.graphs_per_step)} tensors with the graphs that they come from"
    return (f"what stays is made at {line.file}:{line.line}: {what} a step, {traced}",)


def _fires() -> tuple[Facts, ...]:
    kept = (
        KeptAt(
            function="main", file="train.py", line=9, objects_per_step=2.0, bytes_per_step=size,
            tensors_per_step=float(graphs), graphs_per_step=float(graphs),
        )
        for size, graphs in ((9e5, 0), (80.0, 1), (80.0, 0))
    )  # fmt: skip
    known = (KeptMemory(steps=6, bytes_per_step=9e5, lines=(line,)) for line in kept)
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
