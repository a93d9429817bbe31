"""Finds batches whose way from the workers is pickling and unpickling."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

SENDS = re.compile(r"ForkingPickler|multiprocessing[/.]reduction\b|pickle\.(loads|dumps)")
MANY_TENSORS = 2
"""Sending tensors costs 3 to 10 % on a busy machine: twice the share of other slow work is too much."""
FIX = (
    "Send tensors or numpy arrays, few and large ones: they go through shared memory without being "
    "copied into a pickle. Turn lists, dicts of numbers and objects into one tensor in collate_fn, in "
    "the worker."
)


def check(facts: Facts) -> Finding | None:
    """See batches pickled in the workers and unpickled on the training thread.

    Why it costs: lists and objects are turned into bytes, sent through a pipe, and built again on the
    training thread; each tensor costs a file descriptor.
    How to fix: one tensor a field instead of lists; fewer, larger tensors.
    When it is wrong: what is unpickled is small and the time is that of a worker being late.
    Sources: torch.multiprocessing's best practices; SPDL's documentation on inter-process copies.
    """
    summary = facts.attribution.loader
    if summary is None or summary.num_workers < 1:
        return None
    objects = costs.of_samples(facts, reading.training_samples(facts, _builds_objects))
    many = MANY_TENSORS * costs.generic(facts)
    tensors = costs.of_samples(facts, reading.training_samples(facts, _rebuilds_tensors), many)
    sent = reading.matching(facts, reading.places(facts, Category.DATA_LOADING), SENDS)
    # On the training thread the stacks tell objects from tensors; of the workers' side only places are known.
    is_workers = any(place.process == reading.WORKERS for place in sent)
    rebuilt, at = objects or tensors, costs.of_places(sent, costs.generic(facts) if is_workers else many)
    cost = max((c for c in (rebuilt, at) if c is not None), key=lambda c: c.ns, default=None)
    lines = [evidence.place(place) for place in sent[: findings.SHOWN]]
    if rebuilt is not None:
        lines.append(f"unpickling batches takes {evidence.time_of(rebuilt)} on the training thread")
    return findings.of_loader(facts, cost, ("Batches are pickled on their way from the workers", FIX), lines)


def _builds_objects(stack: Sequence[Frame]) -> bool:
    """Return whether the innermost frame unpickles in C what a queue brought; waiting is a frame deeper."""
    file, function = stack[-1].file, stack[-1].function.rpartition(".")[2]
    return file.endswith("multiprocessing/queues.py") and function == "get"


def _rebuilds_tensors(stack: Sequence[Frame]) -> bool:
    return any(frame.file.endswith("multiprocessing/reductions.py") for frame in stack)


def _fires() -> tuple[Facts, ...]:
    get = ("train.py main 1", "site-packages/multiprocessing/queues.py Queue.get 122")
    dumps = loading("ForkingPickler.dumps", 0.2, "site-packages/multiprocessing/reduction.py:51")
    return (facts(stacks=((0.2, get),), loader=loader(2)), facts(places=(dumps,), loader=loader(2)))


def _quiet() -> tuple[Facts, ...]:
    poll = (
        "train.py main 1",
        "site-packages/multiprocessing/queues.py Queue.get 113",
        "site-packages/multiprocessing/connection.py Connection.poll 257",
    )
    few = ("train.py main 1", "site-packages/torch/multiprocessing/reductions.py rebuild 1")
    return (facts(stacks=((0.4, poll), (0.15, few)), loader=loader(2)), facts(loader=loader(0)))


RULE = SpecificRule(
    name="ipc-pickling", check=check, requires=("stacks",), supersedes=("prefetch-shallow",),
    fires=_fires, quiet=_quiet,
)  # fmt: skip
