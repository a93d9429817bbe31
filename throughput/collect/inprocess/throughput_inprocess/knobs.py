"""Change settings of a script without an edit: its loaders' arguments, threads, cached batches."""

from __future__ import annotations

import copy
import functools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

LOADER = ("num_workers", "prefetch_factor", "persistent_workers", "pin_memory", "in_order")
OF_WORKERS = ("prefetch_factor", "persistent_workers", "in_order")
"""Arguments that torch refuses or ignores where there are no workers."""
NAMES = ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "num_workers")
"""DataLoader's first parameters, for those who give `num_workers` by place."""
CACHED = 4
"""Batches that a run from cached batches goes round: their sizes may differ."""


def turn(torch: Any, knobs: dict[str, Any]) -> None:
    """Apply the settings; called once, right after torch was imported."""
    data = __import__("torch.utils.data", fromlist=["DataLoader"])
    chosen = {name: knobs[name] for name in LOADER if name in knobs}
    if chosen:
        data.DataLoader.__init__ = _with(data.DataLoader.__init__, chosen)
    if knobs.get("threads"):
        torch.set_num_threads(knobs["threads"])
        torch.set_num_threads = lambda _count: None  # the script's own choice would undo the trial
    if knobs.get("cached"):
        data.DataLoader.__iter__ = _cached(data.DataLoader.__iter__)


def _with(original: Callable[..., None], chosen: dict[str, Any]) -> Callable[..., None]:
    """Return `DataLoader.__init__` with some arguments replaced."""

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(NAMES, args)) | kwargs if len(args) <= len(NAMES) else None
        if given is None:
            sys.stderr.write("throughput: a DataLoader got its arguments by place; it is left as it is\n")
            original(self, *args, **kwargs)
            return
        given.update(chosen)
        if not given.get("num_workers"):
            for name in OF_WORKERS:
                given.pop(name, None)
        original(self, **given)

    return __init__


def _cached(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `DataLoader.__iter__` that gives its first few batches again and again."""

    @functools.wraps(original)
    def __iter__(self: Any) -> Iterator[Any]:
        batches = original(self)
        kept = [batch for _, batch in zip(range(CACHED), batches)]
        del batches  # ends its workers
        try:
            count = len(self)
        except TypeError:  # an iterable data set that doesn't know its length
            count = sys.maxsize
        for number in range(count if kept else 0):
            yield copy.copy(kept[number % len(kept)])  # a trainer may pop the labels out of it

    return __iter__
