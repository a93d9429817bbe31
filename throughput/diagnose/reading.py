"""Read facts the way rules ask: by category, place, counter, line; what is absent stays None or empty."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughput.model.attribution import Hotspot, Place, SplitRow
from throughput.model.category import Block, Category
from throughput.model.finding import Facts
from throughput.model.timeline import Frame, Step

TRAINING = "training process"
WORKERS = "DataLoader workers"
FOR_EVALUATION = re.compile(
    r"(^|[^a-z])(val|valid|validation|eval|evaluation|test|dev)(?![a-z])", re.IGNORECASE
)
"""On a line that makes a loader: it is not the one that training reads."""
FEW_READINGS = 3
"""Fewer readings of a counter are no mean."""
RARE = 0.5
"""Of the steps that samples falling anywhere would hit."""
LOOP = re.compile(r"^\s*(?:async\s+)?(?:for|while)\b.*:|[\[({].*\bfor\b.+\bin\b")
LINES_ABOVE = 12
"""How far above its busiest line a loop's head is looked for: longer bodies are no loops over elements."""
HEAD = re.compile(r"\s*(?:async\s+)?(def|class)\s+(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPart:
    """Share of the training thread's sampled time that looked as asked; `count` instants were sampled."""

    share: float
    count: int
    is_rare: bool = False
    """Seen in far fewer steps than as many samples would hit if each step did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A place and its line of own code; `is_own` says that the place itself is own code."""

    place: Hotspot
    text: str
    is_own: bool


def number(value: object) -> float | None:
    """Return a number from a raw file; None for anything else, also for true, NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 2.0**1000 and math.isfinite(value) else None


def clean_steps(facts: Facts) -> tuple[Step, ...]:
    """Return the steps whose time may be quoted."""
    return tuple(step for step in facts.timeline.steps if step.block.is_clean)


def mean_step_ns(facts: Facts) -> float:
    """Return the mean of the clean steps; 0 where there are none."""
    durations = [step.duration_ns for step in facts.attribution.steps]
    durations = durations or [step.duration_ns for step in clean_steps(facts)]
    return sum(durations) / len(durations) if durations else 0.0


def row(facts: Facts, category: Category) -> SplitRow | None:
    """Return a category's row; None where the split has none."""
    return next((row for row in facts.attribution.split if row.category is category), None)


def share(facts: Facts, category: Category) -> float:
    """Return a category's share; 0 where it was not measured, so that it can't make a rule fire."""
    found = row(facts, category)
    return 0.0 if found is None or found.share is None else found.share


def places(facts: Facts, *categories: Category, process: str | None = None) -> list[Hotspot]:
    """Return all places of these categories (none given: of all), the costliest first."""
    all_ = facts.attribution.functions or facts.attribution.hotspots
    wanted = (
        place
        for place in all_
        if (not categories or place.category in categories) and process in (None, place.process)
    )
    return sorted(wanted, key=lambda place: -place.ns_per_step)


def own_files(facts: Facts) -> frozenset[str]:
    """Return the files of the user's own code, as the stacks say."""
    return frozenset(frame.file for frame in facts.timeline.stacks.frames if frame.own)


def own_place(facts: Facts, place: Hotspot) -> Place:
    """Return the line that the user can change: of library code, the line of own code that calls it."""
    return changed_at(place, own_files(facts))


def text_at(facts: Facts, file: str, line: int) -> str:
    """Return a line of source, empty where it was not stored."""
    return facts.timeline.sources.get(file, {}).get(line, "")


def with_text(facts: Facts, among: Iterable[Hotspot]) -> list[Located]:
    """Return places with the text of the line of own code that each is at or called from."""
    own = own_files(facts)
    found = []
    for place in among:
        where = changed_at(place, own)
        near = {line.line: line.text for line in place.source}
        text = text_at(facts, where.file, where.line) or near.get(where.line, "")
        found.append(Located(place=place, text=text, is_own=place.file in own))
    return found


def matching(facts: Facts, among: Iterable[Hotspot], pattern: re.Pattern[str]) -> list[Hotspot]:
    """Return the places whose name, file, kind or line of own code matches."""
    found = []
    for one in with_text(facts, among):
        place = one.place
        if any(pattern.search(text) for text in (place.name, place.file, place.kind, one.text)):
            found.append(place)
    return found


def is_in_loop(facts: Facts, one: Located) -> bool:
    """Return whether own code spends its own time at a line of a loop, other than over a loader."""
    place, line = one.place, one.text
    if not one.is_own or "loader" in line:
        return False
    indent = len(line) - len(line.lstrip())
    above = (text_at(facts, place.file, place.line - n) for n in range(1, LINES_ABOVE + 1))
    heads = [text for text in above if text.strip() and len(text) - len(text.lstrip()) < indent]
    return bool(LOOP.search(line)) or bool(heads and re.match(r"\s*(for|while)\b", heads[0]))


def place_of_text(facts: Facts, pattern: re.Pattern[str]) -> Place | None:
    """Return the line of own code that matches; of several the one that isn't for evaluation, else None."""
    own = own_files(facts)
    hits = {
        (file, line): text
        for file in own
        for line, text in facts.timeline.sources.get(file, {}).items()
        if pattern.search(text) and not text.lstrip().startswith(("#", "from ", "import "))
    }
    if len(hits) > 1:
        hits = {spot: text for spot, text in hits.items() if not FOR_EVALUATION.search(text)}
    if len(hits) != 1:
        return None
    (file, line), *_ = hits
    return Place(function=_function_at(facts, file, line), file=file, line=line)


def parsed_place(text: str | None) -> Place | None:
    """Return the place that "file:line" names."""
    file, colon, line = (text or "").rpartition(":")
    if not colon or not file or not line.isascii() or not line.isdigit() or len(line) > 9:
        return None
    return Place(function="", file=file, line=int(line))


def counter(facts: Facts, name: str) -> float | None:
    """Return a counter's mean over the clean steps; of a counter of each process, the sum of their means.

    Over the whole window where it was read too seldom for that.
    """
    means = []
    for one in facts.timeline.counters:
        if one.name != name or not len(one.value) or len(one.value) != len(one.time_ns):
            continue
        finite = np.isfinite(one.value)
        for start, end in _spans(facts):
            values = one.value[finite & (one.time_ns >= start) & (one.time_ns <= end)]
            if len(values) >= FEW_READINGS:
                break
        if len(values):
            means.append(float(values.mean()))
    return sum(means) if means else None


def _spans(facts: Facts) -> list[tuple[int, int]]:
    """Return where to read counters, the better first: clean steps, the window, the run."""
    steps, (start, end) = clean_steps(facts), facts.timeline.window_ns
    clean = [(steps[0].start_ns, steps[-1].end_ns)] if steps else []
    window = [(start, end)] if end > start else []
    return clean + (window or [(-(2**62), 2**62)])


def usable_cpus(facts: Facts) -> float | None:
    """Return how many CPUs the script may use: its affinity, or its quota where that is less."""
    cpus = number(facts.run.environment.get("cpus"))
    quota = number(facts.run.environment.get("cpu_quota"))
    if cpus is None or cpus <= 0:
        return None
    return cpus if quota is None or quota <= 0 else min(cpus, quota)


def computing_threads(facts: Facts) -> float | None:
    """Return how many threads torch computes with in the training process."""
    threads = number(facts.timeline.facts.get("num_threads"))
    return number(facts.run.environment.get("torch_num_threads")) if threads is None else threads


def idle_cpus(facts: Facts) -> float | None:
    """Return how many of its CPUs the script left unused and nobody else used; None where not measured."""
    cpus, tree = usable_cpus(facts), counter(facts, "tree_cpus")
    if cpus is None or tree is None:
        return None
    busy = counter(facts, "machine_cpu_share")
    ours = max(0.0, cpus - tree)
    return ours if busy is None else min(ours, max(0.0, cpus * (1 - busy)))


def training_samples(facts: Facts, wanted: Callable[[Sequence[Frame]], bool]) -> SampledPart:
    """Return which part of the training thread's time had a stack as wanted (outermost first)."""
    samples, stacks = facts.timeline.samples, facts.timeline.stacks
    # Also steps whose times are not quoted because sampling took a CPU from them: what they did is the same.
    steps = [step for step in facts.timeline.steps if step.block.is_light]
    if not len(samples.stack) or not steps:
        return SampledPart(share=0.0, count=0)
    inside = (samples.track == facts.timeline.main_track) & (samples.start_ns >= steps[0].start_ns)
    inside &= (samples.end_ns <= steps[-1].end_ns) & (samples.stack >= 0)
    inside &= samples.stack < len(stacks.stacks)
    length = (samples.end_ns - samples.start_ns)[inside]
    stack = samples.stack[inside]
    total = int(length.sum())
    if total <= 0:
        return SampledPart(share=0.0, count=0)
    hits = [
        number_
        for number_ in np.unique(stack).tolist()
        if stacks.stacks[number_] and wanted([stacks.frames[index] for index in stacks.stacks[number_]])
    ]
    hit = np.isin(stack, hits)
    begun = np.array([step.start_ns for step in steps])
    where = np.searchsorted(begun, samples.start_ns[inside][hit], side="right")
    seen, instants = len(np.unique(where)), int(samples.count[inside][hit].sum())
    # So many steps are hit by samples that fall anywhere.
    expected = len(steps) * (1 - math.exp(-instants / len(steps)))
    return SampledPart(
        share=int(length[hit].sum()) / total,
        count=int(samples.count[inside].sum()),
        is_rare=seen < RARE * expected,
    )


def changed_at(place: Hotspot, own: frozenset[str]) -> Place:
    """Return the line that the user can change, given the files of own code."""
    if place.caller is not None and place.file not in own:
        return place.caller
    return Place(function=place.function, file=place.file, line=place.line)


def torch_steps(facts: Facts) -> int:
    """Return how many steps torch.profiler saw."""
    return sum(step.block in (Block.TORCH, Block.TRACE) for step in facts.timeline.steps)


def optimizers(facts: Facts) -> list[dict[str, Any]]:
    """Return what each optimizer that stepped said of itself: class, foreach, fused, params."""
    rows = facts.timeline.facts.get("optimizers")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []


def place_of(frame: Frame) -> Place:
    """Return where a frame is."""
    return Place(function=frame.function, file=frame.file, line=frame.line)


def line_on_top(facts: Facts, pattern: re.Pattern[str]) -> Place | None:
    """Return the one line of own code that matches and on which the training thread was seen; else None."""
    seen: set[Frame] = set()

    def matches(stack: Sequence[Frame]) -> bool:
        leaf = stack[-1]
        if leaf.own and pattern.search(text_at(facts, leaf.file, leaf.line)):
            seen.add(leaf)
        return leaf in seen

    training_samples(facts, matches)
    return place_of(seen.pop()) if len(seen) == 1 else None


def block_heads(facts: Facts, file: str, line: int) -> list[str]:
    """Return the heads of the blocks around a line, up to its function's `def` and decorators."""
    text = text_at(facts, file, line)
    indent, heads = len(text) - len(text.lstrip()), []
    in_function = True
    for above in range(line - 1, 0, -1):
        text = text_at(facts, file, above)
        here = len(text) - len(text.lstrip())
        if not in_function and not text.lstrip().startswith("@"):
            break
        if text.strip() and (here < indent or not in_function):
            heads.append(text)
            indent = here
            in_function = in_function and HEAD.match(text) is None
    return heads


def _function_at(facts: Facts, file: str, line: int) -> str:
    """Return the qualified name of the function that holds a line, as the stored source shows it."""
    names: list[str] = []
    text = text_at(facts, file, line)
    indent = len(text) - len(text.lstrip())
    for above in range(line - 1, 0, -1):
        text = text_at(facts, file, above)
        here = len(text) - len(text.lstrip())
        head = HEAD.match(text)
        if head and here < indent:
            names.insert(
                0, head.group(2) if not names or head.group(1) == "class" else f"{head.group(2)}.<locals>"
            )
        if text.strip() and here < indent:
            indent = here
    return ".".join(names) or "<module>"


def cpu_usage(facts: Facts) -> tuple[float, float] | None:
    """Return how many CPUs others use and how many this run."""
    cpus, ours = usable_cpus(facts), counter(facts, "tree_cpus")
    busy = counter(facts, "machine_cpu_share")
    if cpus is None or ours is None or busy is None:
        return None
    return max(0.0, busy * cpus - ours), ours


def others_part(facts: Facts) -> float:
    """Return which part of the CPUs in use others take, 0..1; 0 where it was not measured."""
    usage = cpu_usage(facts)
    return usage[0] / sum(usage) if usage is not None and sum(usage) > 0 else 0.0
