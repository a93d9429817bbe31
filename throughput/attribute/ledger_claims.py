"""Say which parts of the ledger claim which stretches of a process's life, those that go first first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from throughput.attribute.passes import empty_asks, passes_of, training_starts, without_training
from throughput.model.category import Block, Phase
from throughput.model.place import place_of
from throughput.model.timeline import Timeline

HEAVY = {Block.TORCH: "torch.profiler", Block.CPROFILE: "cProfile"}
"""Blocks whose steps take longer for the collector that is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A stretch that a part of the ledger claims; `count` is how often the part comes with it."""

    part: str
    name: str = ""
    start_ns: int
    end_ns: int
    count: int = 1
    is_clean: bool = False
    """A clean step."""


def claims_of(timeline: Timeline, life: tuple[int, int], script_dir: str = "") -> list[Claim]:
    """Return the claims of a process that lived from `life[0]` to `life[1]`, those that go first first."""
    starts = training_starts(timeline)
    begun = int(starts[0]) if len(starts) else life[1]
    first = [
        *_of_spans(timeline, "profiling"),
        *_pauses(timeline),
        *_compiling(timeline, script_dir),
        *_of_spans(timeline, "checkpoint"),
        *_phases(timeline, "checkpoint", (Phase.SAVE,), life[1]),
        *_of_spans(timeline, "imports", "data_set", "model"),
        *_evaluations(timeline),
        *_loading(timeline, begun),
        *_phases(timeline, "to_device", (Phase.COPY, Phase.PIN), begun),
    ]
    known = max((claim.end_ns for claim in first if claim.end_ns <= begun), default=begun)
    return [
        *first,
        *_heavy(timeline),
        *_warmup(timeline, known, begun),
        *_steps(timeline),
        *_ends(timeline, life),
    ]


def _of_spans(timeline: Timeline, *parts: str) -> Iterator[Claim]:
    for span in timeline.spans:
        if span.part in parts:
            count = int(span.begins)
            yield Claim(
                part=span.part, name=span.name, start_ns=span.start_ns, end_ns=span.end_ns, count=count
            )


def _pauses(timeline: Timeline) -> Iterator[Claim]:
    """Yield our own pauses: between two steps in a row there is nothing else."""
    for before, after in pairwise(timeline.steps):
        if after.index == before.index + 1 and after.start_ns > before.end_ns:
            yield Claim(part="profiling", name="pauses", start_ns=before.end_ns, end_ns=after.start_ns)


def _compiling(timeline: Timeline, script_dir: str) -> Iterator[Claim]:
    name = _compiled(timeline.facts.get("compile"), script_dir)
    for pause in timeline.pauses:
        if pause.kind == "compile":
            yield Claim(part="compile", name=name, start_ns=pause.start_ns, end_ns=pause.end_ns)


def _compiled(counts: Any, script_dir: str) -> str:
    """Return "3 frames, 2 recompilations, the last of forward model.py:20", as far as torch told."""
    if not isinstance(counts, dict):
        return ""
    words = [f"{counts['frames']} frames"] if counts.get("frames") else []
    words += [f"{counts['recompiles']} recompilations"] if counts.get("recompiles") else []
    reasons = counts.get("reasons") or [{}]
    why = reasons[0] if isinstance(reasons, list) and isinstance(reasons[0], dict) else {}
    if counts.get("recompiles") and why.get("file"):
        file = place_of(str(why["file"]), script_dir)[0]
        words.append(f"most often {why.get('function', '')} {file}:{why.get('line', 0)}")
    return ", ".join(words)


def _phases(timeline: Timeline, part: str, phases: tuple[Phase, ...], until: int) -> Iterator[Claim]:
    segments = timeline.segments
    wanted = np.isin(segments.phase, [int(phase) for phase in phases]) & (segments.end_ns <= until)
    for start, end in zip(segments.start_ns[wanted].tolist(), segments.end_ns[wanted].tolist(), strict=True):
        yield Claim(part=part, start_ns=start, end_ns=end)


def _evaluations(timeline: Timeline) -> Iterator[Claim]:
    """Yield where a model was in evaluation mode and nothing was trained, and passes without training."""
    starts = training_starts(timeline)
    for span in timeline.spans:
        if span.part == "evaluation":
            within = np.searchsorted(starts, [span.start_ns, span.end_ns])
            if within[0] == within[1]:
                yield Claim(part="evaluation", name=span.name, start_ns=span.start_ns, end_ns=span.end_ns)
    for start, end in without_training(passes_of(timeline), starts, empty_asks(timeline)):
        yield Claim(part="evaluation", name="passes without training", start_ns=start, end_ns=end)


def _loading(timeline: Timeline, begun: int) -> Iterator[Claim]:
    """Yield the start of workers, the wait for the first batch, and both again at each epoch's end."""
    for loader in timeline.loaders:
        part = "workers" if loader.num_workers else "first_batch"
        for start, ready in zip(loader.start_ns, loader.ready_ns, strict=False):
            is_first = start < begun
            yield Claim(
                part=part if is_first else "epoch_boundary",
                name=loader.dataset if is_first else "",
                start_ns=start,
                end_ns=ready,
                count=loader.num_workers if is_first else 0,
            )
    for one in passes_of(timeline):
        if one.wanted_ns >= begun:
            yield Claim(part="epoch_boundary", start_ns=one.wanted_ns, end_ns=one.taken_ns)
            continue
        made = min(max(one.begun_ns, one.wanted_ns), one.taken_ns)
        yield Claim(part="workers", start_ns=one.wanted_ns, end_ns=made, count=0, name="starting")
        yield Claim(part="first_batch", start_ns=made, end_ns=one.taken_ns)
    for start, end in empty_asks(timeline):
        if start >= begun:
            yield Claim(part="epoch_boundary", start_ns=start, end_ns=end, count=0)


def _heavy(timeline: Timeline) -> Iterator[Claim]:
    """Yield what steps under a heavy collector take longer than clean ones."""
    clean = [step.duration_ns for step in timeline.steps if step.block.is_clean]
    usual = int(np.median(clean)) if clean else 0
    for step in timeline.steps:
        if usual and step.block in HEAVY and step.duration_ns > usual:
            yield Claim(
                part="profiling",
                name=HEAVY[step.block],
                start_ns=step.start_ns + usual,
                end_ns=step.end_ns,
            )


def _warmup(timeline: Timeline, known: int, begun: int) -> Iterator[Claim]:
    """Yield what there is between the start-up and the first step after the warm-up.

    No mark shows where the first step's forward begins: at the end of what is known before it, and no further
    back than the longest step of the warm-up lasted.
    """
    segments = timeline.segments
    trained = segments.end_ns[np.isin(segments.phase, (int(Phase.BACKWARD), int(Phase.OPTIMIZER)))]
    steps = timeline.steps
    if not len(trained) and not steps:
        return
    after = next((step for step in steps if step.block is not Block.WARMUP), None)
    if after is not None:
        end, count = after.start_ns, after.index - 1
    else:
        end = steps[-1].end_ns if steps else int(trained.max())
        count = steps[-1].index if steps else 1
    first = steps[0].start_ns if steps else end
    longest = max([first - begun, *(s.duration_ns for s in steps if s.block is Block.WARMUP)])
    start = begun - min(max(begun - known, 0), max(longest, 0))
    yield Claim(part="warmup", start_ns=start, end_ns=end, count=max(count, 0))


def _steps(timeline: Timeline) -> Iterator[Claim]:
    steps = timeline.steps
    for step in steps:
        if step.block is not Block.WARMUP:
            yield Claim(
                part="steps",
                start_ns=step.start_ns,
                end_ns=step.end_ns,
                is_clean=step.block.is_clean,
            )
    for before, after in pairwise(steps):  # steps that counted only once their optimizer had proved to go on
        if after.index > before.index + 1:
            missed = after.index - before.index - 1
            yield Claim(part="steps", start_ns=before.end_ns, end_ns=after.start_ns, count=missed)


def _ends(timeline: Timeline, life: tuple[int, int]) -> Iterator[Claim]:
    """Yield Python's own start, and what comes after the script's own code."""
    known = timeline.facts.get("life") or {}
    started = known.get("started_ns")
    if started is not None:
        yield Claim(part="interpreter", start_ns=life[0], end_ns=int(started))
    last = timeline.steps[-1].end_ns if timeline.steps else life[0]
    ends = [int(t) for t in (known.get("stopped_ns"), known.get("exit_ns")) if t is not None and t >= last]
    if ends:
        yield Claim(part="shutdown", start_ns=min(ends), end_ns=life[1])
