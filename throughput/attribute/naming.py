"""Fold a stack to its hotspot: library frames below own code become the first library call."""

from __future__ import annotations

import re
from dataclasses import dataclass

from throughput.attribute.classify import COMPILING_FILES
from throughput.attribute.lines import SourceIndex
from throughput.model.timeline import Frame

PLUMBING = re.compile(
    r"^(torch/nn/modules/module\.py|torch/utils/data/|torch/utils/_contextlib\.py|torch/_dynamo/|torch/autograd/(grad_mode|function)\.py"
    r"|torch/amp/(autocast_mode|grad_scaler)\.py|torch/optim/optimizer\.py|torch/autograd/profiler\.py|multiprocessing/|threading\.py|concurrent/|contextlib\.py|functools\.py"
    r"|runpy\.py|asyncio/|importlib/|<frozen|selectors\.py|socket\.py|queue\.py)"
)
"""Library files that only pass calls on: skipped when looking for the library call that the user made."""
WRAPPER = re.compile(r"(^|\.)(_(?!_getitem__)|wrap|inner|decorat)")
"""Functions whose own name the user never writes."""
PRIVATE = re.compile(r"^_")
LOADER = "torch/utils/data/dataloader.py"
MAKES = ("torch/utils/data/_utils/fetch.py", "torch/utils/data/sampler.py")
"""Below these a loader makes batches itself; all else that it does is starting, asking or ending workers."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A stack's hotspot frame, the innermost own-code frame above it, and the name to show."""

    frame: Frame
    caller: Frame | None
    name: str


def fold(
    frames: tuple[Frame, ...], lines: SourceIndex, loops: frozenset[tuple[str, str]] = frozenset()
) -> Folded | None:
    """Return where a stack (outermost first) points; None for an empty stack.

    Args:
        frames: the stack.
        lines: the stored sources.
        loops: library functions (file, name) that run the training loop: what they call is the call to name.
    """
    if not frames:
        return None
    start = below_workers(frames)
    own = [n for n in range(start, len(frames)) if frames[n].own]
    if own and own[-1] == len(frames) - 1:
        above = frames[own[-2]] if len(own) > 1 else None
        return Folded(frames[-1], above, frames[-1].function)
    begin = own[-1] + 1 if own else start
    caller = frames[own[-1]] if own else None
    compiles = next((frame for frame in frames[begin:] if frame.file in COMPILING_FILES), None)
    if compiles is not None:
        return Folded(compiles, caller, "torch.compile")
    delivers = _delivers(frames[begin:])
    if delivers is not None:
        last = delivers.function.rpartition(".")[2]
        return Folded(delivers, caller, f"torch.utils.data.DataLoader.{last}")
    called = _first_call(frames, begin, loops)
    return Folded(called, caller, _name(called, caller, lines))


def below_workers(frames: tuple[Frame, ...]) -> int:
    """Return where a DataLoader worker's own work begins: what forked it is not its caller."""
    for number in range(len(frames) - 1, -1, -1):
        if frames[number].function.rpartition(".")[2] in ("_worker_loop", "_feed"):
            return number + 1
    return 0


def _delivers(rest: tuple[Frame, ...]) -> Frame | None:
    """Return the loader's frame where it takes batches from workers, or starts or ends them; else None."""
    if any(frame.file in MAKES for frame in rest):
        return None
    return next((frame for frame in rest if frame.file == LOADER), None)


def _first_call(frames: tuple[Frame, ...], begin: int, loops: frozenset[tuple[str, str]]) -> Frame:
    rest = frames[begin:] or frames[-1:]
    calls = [frame for frame in rest if not PLUMBING.match(frame.file)]
    inner = [frame for frame in calls if (frame.file, frame.function) not in loops] or calls
    named = [frame for frame in inner if not WRAPPER.search(frame.function)]
    return (named or inner or rest[-1:])[0]


def _name(called: Frame, caller: Frame | None, lines: SourceIndex) -> str:
    if caller is not None:
        written = lines.name_of_call(caller, called.function)
        if not written and WRAPPER.search(called.function):
            written = lines.only_call_of(caller, called.module.partition(".")[0])
        if written:
            return written
    return public_name(called)


def public_name(frame: Frame) -> str:
    """Return a library function's name as users write it: `numpy.round`, `torch.nn.Linear.forward`."""
    function = frame.function.replace("<locals>.", "")
    parts = [p for p in frame.module.split(".") if p and not PRIVATE.match(p)]
    if not parts:
        return function
    if "." in function and len(parts) > 1:  # a class: drop the file it is written in
        parts = parts[:-1] if parts[-1].lower() == parts[-1] else parts
    if frame.module == "numpy._core._methods":
        return f"numpy.ndarray.{function.lstrip('_')}"
    if parts[0] == "numpy":
        parts = ["numpy", *[p for p in parts[1:] if p in ("linalg", "fft", "random")]]
    if parts[:2] == ["torch", "nn"] and "modules" in parts:
        parts = ["torch", "nn"]
    return ".".join([*parts, function])
