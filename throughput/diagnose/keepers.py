"""Say which line keeps the memory that grows with the steps."""

from __future__ import annotations

from throughput import units
from throughput.model.memory import KeptAt, MemoryGrowth

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


def line_that_explains(growth: MemoryGrowth) -> KeptAt | None:
    """Return the line that explains the growth: graphs that stay, or else a good part of the bytes."""
    least, most = (part * growth.bytes_per_step for part in EXPLAINS)
    lines = growth.kept.lines if growth.kept is not None else ()
    return next((x for x in lines if x.graphs_per_step or least <= x.bytes_per_step <= most), None)


def in_words(growth: MemoryGrowth, line: KeptAt | None) -> tuple[str, ...]:
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
