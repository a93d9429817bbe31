"""Say what a sampled stack of the training thread was doing, from its frames and its source line."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from enum import IntEnum

from throughput.attribute.lines import SourceIndex
from throughput.model.timeline import LOCK_FRAME, Frame, Stacks


class Doing(IntEnum):
    """What a stack shows; the first that applies."""

    LOCK = 0
    WAIT = 1
    SLEEP = 2
    LOGGING = 3
    LOADING = 4
    COLLECTIVE = 5
    TORCH = 6
    PYTHON = 7
    COMPILING = 8
    AWAIT = 9
    """Waits until another thread has done something, and gets nothing from it: no batch."""


WAITING = (Doing.WAIT, Doing.AWAIT)


WAIT_FILES = re.compile(
    r"^(threading|queue|selectors|multiprocessing/(connection|queues|synchronize|popen_fork|pool)|concurrent/futures/_base"
    r"|asyncio/.*|subprocess)\.py$"
)
HANDS_OUT = frozenset("get result recv recv_bytes _recv_bytes _recv communicate as_completed".split())
"""Functions that wait and return what came: a batch, for all that the stack shows."""
WAIT_FUNCTIONS = frozenset(
    "wait get join acquire select poll _poll recv _recv _recv_bytes recv_bytes result put __enter__ wait_for"
    " _wait _wait_for_tstate_lock as_completed communicate notify notify_all _try_put_index"
    " _start_thread".split()
)
LOGGING_FILES = re.compile(
    r"^(logging/|tqdm/|tensorboard|torch/utils/tensorboard/|wandb/|mlflow/|rich/|csv\.py|matplotlib/|comet_ml/|aim/"
    r"|torch/serialization\.py|safetensors/|torch/distributed/checkpoint/|lightning/.*/loggers/|pytorch_lightning/loggers/"
    r"|progressbar/|clearml/|neptune/|loguru/)"
)
LOADING_FILES = re.compile(
    r"^(torch/utils/data/|torchvision/(datasets|transforms|io)/|torchaudio/|PIL/|cv2/|albumentations/|datasets/|h5py/|zarr/"
    r"|webdataset/|pyarrow/|pandas/io/|imageio/|skimage/|librosa/|soundfile|torchtext/|tokenizers/|lmdb/|gzip\.py|zipfile"
    r"|numpy/(lib/)?(npyio|_npyio_impl|format|_format_impl|_core/memmap|core/memmap)\.py|numpy/_core/memmap\.py)"
)
LOADING_NAMES = re.compile(
    r"(^|_)(get|next|load|fetch|sample|make|read|prepare|iter)_?(train|val|random|mini)?_?(batch|batches|minibatch|example|examples|sample|samples|data|item|images?)(es)?($|_)"
    r"|^__getitem__$|^__getitems__$|(^|_)collate|^dataloader$|data_?loader|batch_?iter|iterate_minibatches|^batchify"
    r"|augment|preprocess|tokeni[sz]e",
    re.IGNORECASE,
)
LOADING_CLASSES = re.compile(
    r"(replay|buffer|dataset|loader|sampler|batcher|corpus)\w*\.(sample|get|next|__next__|__iter__|fetch|read|load|batch)\w*$",
    re.IGNORECASE,
)
"""Methods of own classes that hand out batches, such as `ReplayBuffer.sample`."""
UNPICKLING = frozenset((("multiprocessing/queues.py", "get"), ("multiprocessing/connection.py", "recv")))
"""Functions that wait in others; where they are innermost, C code is building what came."""
IDLE_POOL = ("concurrent/futures/thread.py", "_worker")
"""A pool's thread that waits, in C, for the next thing to do."""
COMPILING_FILES = frozenset(
    ("torch/_dynamo/convert_frame.py", "torch/_dynamo/symbolic_convert.py", "torch/_inductor/compile_fx.py")
)
"""Run only while torch's compiler works; its `eval_frame.py` is below compiled code too."""
COLLECTIVE_FILES = re.compile(r"^torch/distributed/(distributed_c10d|c10d_logger|nn/functional)\.py$")
PRINTING = frozenset(
    "print sys.stdout.write sys.stderr.write sys.stdout.flush sys.stderr.flush tqdm.write torch.save"
    " pickle.dump json.dump logging.info logging.debug logging.warning logger.info logger.debug"
    " logger.warning log.info os.fsync os.fdatasync".split()
)
"""Calls of C code, or of code too quick to be seen, that a line in own code is known by."""


def _waits(file: str, name: str) -> bool:
    """Return whether a library function waits where it is innermost."""
    return (WAIT_FILES.match(file) is not None and name in WAIT_FUNCTIONS) or (file, name) == IDLE_POOL


def _hands_out(frames: tuple[Frame, ...]) -> bool:
    """Return whether a library function between own code and the wait returns what it waited for."""
    below = itertools.takewhile(lambda frame: not frame.own, reversed(frames))
    return any(frame.function.rpartition(".")[2] in HANDS_OUT for frame in below)


@dataclass(slots=True)
class Classifier:
    """Classifies stacks by number, each once."""

    stacks: Stacks
    lines: SourceIndex
    trainers: frozenset[tuple[str, str]] = frozenset()
    """Own functions (file, name) seen around backward or an optimizer: whatever their names, they don't yield
    batches."""
    _known: dict[int, Doing] = field(default_factory=dict)

    def doing(self, stack: int) -> Doing:
        """Return what the stack of this number shows."""
        known = self._known.get(stack)
        if known is None:
            frames = tuple(self.stacks.frames[n] for n in self.stacks.stacks[stack])
            known = self._known[stack] = self._classify(frames)
        return known

    def _classify(self, frames: tuple[Frame, ...]) -> Doing:
        if not frames:
            return Doing.PYTHON
        leaf = frames[-1]
        if leaf == LOCK_FRAME:
            return Doing.LOCK
        name = leaf.function.rpartition(".")[2]
        calls = self.lines.calls(leaf) if leaf.own else frozenset()
        if any(not f.own and LOGGING_FILES.match(f.file) for f in frames) or calls & PRINTING:
            return Doing.LOGGING
        if "time.sleep" in calls:
            return Doing.LOADING if self._loads(frames) else Doing.SLEEP
        if not leaf.own and (leaf.file, name) in UNPICKLING:
            return Doing.LOADING
        if not leaf.own and _waits(leaf.file, name):
            return Doing.WAIT if _hands_out(frames) or self._loads(frames) else Doing.AWAIT
        if not leaf.own and any(f.file in COMPILING_FILES for f in frames):
            return Doing.COMPILING
        if any(not f.own and COLLECTIVE_FILES.match(f.file) for f in frames):
            return Doing.COLLECTIVE
        if self._loads(frames):
            return Doing.LOADING
        return Doing.TORCH if leaf.file.startswith("torch/") else Doing.PYTHON

    def _loads(self, frames: tuple[Frame, ...]) -> bool:
        """Return whether the stack is inside whatever yields the batch."""
        return any(self._is_loading(frame) for frame in frames)

    def _is_loading(self, frame: Frame) -> bool:
        if not frame.own:
            return LOADING_FILES.match(frame.file) is not None
        if (frame.file, frame.function) in self.trainers:
            return False
        named = LOADING_NAMES.search(frame.function.rpartition(".")[2]) or LOADING_CLASSES.search(
            frame.function
        )
        return bool(named) or self.lines.in_generator(frame)
