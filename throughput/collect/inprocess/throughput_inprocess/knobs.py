"""Change settings of a script without an edit: its loaders' arguments, threads, what it trains from.

What a script computes with is changed in `compute_knobs`. Whether a setting found something to change is
noted ("knob"), so that one that didn't isn't taken for one that bought nothing.
"""

from __future__ import annotations

import copy
import functools
import sys

from . import backwards, control
from .recorder import recorder

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
FEEDS = 2
"""Backwards between batches of a loader, by which it is known to feed the training."""
UNTRAINED = 50
"""Batches without any backward at all: a script that only reads, not the evaluation before a training."""
UNFED = 60
"""Backwards without a loader that feeds them: no DataLoader does."""
COMPUTE = ("bf16", "tf32", "compile", "foreach", "channels_last")


def turn(torch: Any, knobs: dict[str, Any]) -> None:
    """Apply the settings; called once, right after torch was imported."""
    data = __import__("torch.utils.data", fromlist=["DataLoader"])
    chosen = {name: knobs[name] for name in LOADER if name in knobs}
    if chosen or knobs.get("batch_scale"):
        data.DataLoader.__init__ = _with(data.DataLoader.__init__, chosen, knobs.get("batch_scale", 1))
    if knobs.get("threads"):
        torch.set_num_threads(knobs["threads"])
        torch.set_num_threads = lambda _count: None  # the script's own choice would undo the trial
        applied("threads")
    if knobs.get("cached"):
        data.DataLoader.__iter__ = _cached(data.DataLoader.__iter__)
    if knobs.get("loader_only"):
        if control.controller is not None:
            control.controller.finder.asked_for = "loader"  # what the script itself does is no step
        data.DataLoader.__iter__ = _drained(data.DataLoader.__iter__)
        backwards.listen(torch, _give_up_unfed)
    if knobs.get("losses"):
        backwards.keep_losses(torch)
    if any(knobs.get(name) for name in COMPUTE):
        from . import compute_knobs

        compute_knobs.turn(torch, knobs)


_applied: set[str] = set()


def applied(name: str) -> None:
    """Note, once, that a setting found something to change."""
    if name not in _applied:
        _applied.add(name)
        recorder.note("knob", name=name)


def _with(original: Callable[..., None], chosen: dict[str, Any], scale: int) -> Callable[..., None]:
    """Return `DataLoader.__init__` with some arguments replaced, and its batches so many times as large."""

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(NAMES, args)) | kwargs if len(args) <= len(NAMES) else None
        if given is None:
            sys.stderr.write("throughput: a DataLoader got its arguments by place; it is left as it is\n")
            original(self, *args, **kwargs)
            return
        given.update(chosen)
        if scale > 1 and given.get("batch_sampler") is None and given.get("batch_size", 1) is not None:
            given["batch_size"] = scale * given.get("batch_size", 1)
            applied("batch_scale")
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


_fed: set[int] = set()


def _drained(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `DataLoader.__iter__` that takes all batches itself once the loader is known to feed training.

    Each of them counts as a step, epoch after epoch: the script, which would have nothing to train, gets no
    further. Other loaders (of an evaluation before the training) are as they were.
    """

    @functools.wraps(original)
    def __iter__(self: Any) -> Iterator[Any]:
        batches = original(self)
        if id(self) not in _fed:
            before = backwards.count()
            for number, batch in enumerate(batches, 1):
                yield batch
                if backwards.count() - before >= FEEDS or (not backwards.count() and number >= UNTRAINED):
                    break
            else:
                return
            _fed.add(id(self))
        while _drain(batches):
            batches = original(self)

    return __iter__


def _drain(batches: Any) -> int:
    """Take all batches, each as a step; return how many there were."""
    number = 0
    for _batch in batches:
        number += 1
        if control.controller is not None:
            control.controller.mark("marker", None, "a loop over the loader alone")
    return number


def _give_up_unfed(backward: int) -> None:
    if backward >= UNFED and not _fed:
        sys.stderr.write("throughput: no DataLoader feeds this training, so its loader can't run alone\n")
        raise SystemExit(1)
