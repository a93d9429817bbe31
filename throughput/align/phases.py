"""Tell from a stack which phase of the light timers the training thread was in."""

from __future__ import annotations

from throughput.model.category import Phase
from throughput.model.timeline import COPY_FRAME, READ_FRAME, Frame

MARKS: dict[tuple[str, str], Phase] = {
    ("__next__", "torch/utils/data/dataloader.py"): Phase.LOADER,
    ("_get_iterator", "torch/utils/data/dataloader.py"): Phase.LOADER,
    ("_engine_run_backward", "torch/autograd/graph.py"): Phase.BACKWARD,
    ("wrapper", "torch/optim/optimizer.py"): Phase.OPTIMIZER,
    ("save", "torch/serialization.py"): Phase.SAVE,
    ("all_reduce", "torch/distributed/distributed_c10d.py"): Phase.COLLECTIVE,
    ("all_gather", "torch/distributed/distributed_c10d.py"): Phase.COLLECTIVE,
    ("broadcast", "torch/distributed/distributed_c10d.py"): Phase.COLLECTIVE,
    ("barrier", "torch/distributed/distributed_c10d.py"): Phase.COLLECTIVE,
    ("to", COPY_FRAME.file): Phase.COPY,
    ("item", READ_FRAME.file): Phase.SYNC,
}
"""Frames that the light timers wrap, by the last part of a qualified name and the file."""
SHOWN = frozenset(MARKS.values())
"""Phases that a stack can show. Others, as pinning memory, are calls of C code that leave no frame."""


def phase_of(frames: tuple[Frame, ...]) -> Phase:
    """Return the innermost phase that a stack (outermost first) shows."""
    for frame in reversed(frames):
        if not frame.own:
            phase = MARKS.get((frame.function.rpartition(".")[2], frame.file))
            if phase is not None:
                return phase
    return Phase.REST
