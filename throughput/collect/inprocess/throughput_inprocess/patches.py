"""Install the patch points in torch: one table, with what is lost where torch lacks one.

A point that this torch lacks makes its collector "unavailable: torch x.y has no ...", never an error.
"""

from __future__ import annotations

import functools
import sys
from time import monotonic_ns

from . import compiles, control, device_calls, facts, loader, rank, regions, spans, untraced
from .clock import BACKWARD, COLLECTIVE, COPY, OPTIMIZER, PIN, REST, SAVE, SYNC, clock
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Call = Callable[..., Any]
    Row = tuple[str, str, str, str, Callable[..., Any], str, str]

_fired: dict[str, int | None] = {"last": None}


def _is_compiling() -> bool:
    """Return torch's own answer to whether this call is being traced by its compiler."""
    return False


def _optimizer_hooks(owner: Any, name: str) -> None:
    """Time `Optimizer.step` and mark its end: of steps within one another the outermost only."""
    owner.register_optimizer_step_pre_hook(_before_step)
    owner.register_optimizer_step_post_hook(_after_step)


def _before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Begin the optimizer's phase."""
    if _is_compiling():
        return
    clk = clock()
    if not clk.brief:
        rank.claim()
    if clk.optimizers and not _is_inside(sys._getframe(1)):  # one before raised: torch calls no hook then
        clk.unwind(OPTIMIZER)
        clk.optimizers = 0
    clk.optimizers += 1
    if clk.brief and clk.phase == REST:
        clk.turn(OPTIMIZER)
    elif clk.optimizers == 1:
        clk.enter(OPTIMIZER)


def _after_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """End the optimizer's phase, and mark a step."""
    if _is_compiling():
        return
    clk = clock()
    clk.optimizers -= 1
    if clk.optimizers > 0:
        return
    clk.optimizers = 0
    now = clk.leave() if clk.stack or not clk.brief else clk.turn(REST)
    key = _fired["last"] = id(optimizer)
    controller = control.controller
    if controller is None or controller.quick(key, clk, now):
        return
    if key not in facts.known_optimizers:
        facts.know_optimizer(optimizer)
    controller.mark("optimizer", key, type(optimizer).__name__)


def _is_inside(frame: Any) -> bool:
    """Return whether a call of the same function is under way below this one: a step within a step."""
    code, frame = frame.f_code, frame.f_back
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


def _grad_scaler(original: Call) -> Call:
    """Mark a GradScaler's step also when it skips the optimizer."""

    @functools.wraps(original)
    def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        _fired["last"] = None
        result = original(self, optimizer, *args, **kwargs)
        inner = getattr(optimizer, "optimizer", optimizer)
        if _fired["last"] is None and control.controller is not None:
            control.controller.mark("optimizer", id(inner), type(inner).__name__)
        return result

    return step


def _phase(phase: int, mark: str | None = None) -> Callable[[Call], Call]:
    """Return a wrapper maker that times a function as a phase, outermost call only."""

    def wrap(original: Call) -> Call:
        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if _is_compiling():
                return original(*args, **kwargs)
            clk = clock()
            if clk.phase == phase:
                return original(*args, **kwargs)
            if mark is not None:
                rank.claim()
            clk.enter(phase)
            try:
                return original(*args, **kwargs)
            finally:
                clk.leave()
                if mark is not None and sys.exc_info()[0] is None:
                    controller = control.controller
                    if controller is not None and controller.reads_all_marks:
                        controller.mark(mark)

        return timed

    return wrap


def _backward(original: Call) -> Call:
    """Time the autograd engine and mark its end."""
    timed = _phase(BACKWARD, "backward")(original)

    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> Any:
        if _is_compiling():
            return original(*args, **kwargs)
        clk = clock()
        if not clk.brief or clk.phase != REST:
            return timed(*args, **kwargs)
        clk.turn(BACKWARD)
        try:
            return original(*args, **kwargs)
        finally:
            clk.turn(REST)

    return backward


def _moves(self: Any, args: Any, kwargs: Any) -> bool:
    """Return whether `Tensor.to` names another device than the tensor's."""
    target = kwargs.get("device") or (args[0] if args else None)
    if target is None or type(target).__name__ == "dtype":
        return False
    here = self.device
    there = getattr(target, "device", target)
    if isinstance(there, int):
        return bool(here.type == "cpu")
    return bool(str(there).split(":")[0] != here.type)


def _to(original: Call) -> Call:
    """Time `Tensor.to` where it moves to another device."""

    @functools.wraps(original)
    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_compiling() or not _moves(self, args, kwargs):
            return original(self, *args, **kwargs)
        here = self.device.type == "cpu"
        return (_send if here else _read)(original, self, args, kwargs)

    return to


def _send(original: Call, tensor: Any, args: Any, kwargs: Any) -> Any:
    """Copy a tensor to a device, as a phase. Readers of stacks know this function, and the next, by name."""
    clk = clock()
    since = clk.enter(COPY)
    try:
        return original(tensor, *args, **kwargs)
    finally:
        clk.leave()
        device_calls.count("to", sys._getframe(2), since)


def _read(original: Call, tensor: Any, args: Any, kwargs: Any) -> Any:
    """Read a tensor from its device, which waits for all that was queued, as a phase."""
    clk = clock()
    since = clk.enter(SYNC)
    try:
        return original(tensor, *args, **kwargs)
    finally:
        clk.leave()
        device_calls.count(original.__name__, sys._getframe(2), since)


def _cuda(original: Call) -> Call:
    """Time `Tensor.cuda`."""

    @functools.wraps(original)
    def cuda(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_compiling() or self.device.type != "cpu":
            return original(self, *args, **kwargs)
        return _send(original, self, args, kwargs)

    return cuda


def _on_device(original: Call) -> Call:
    """Time a call that synchronises, where the tensor is on a device."""

    @functools.wraps(original)
    def synchronizing(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_compiling() or self.device.type == "cpu":
            return original(self, *args, **kwargs)
        return _read(original, self, args, kwargs)

    return synchronizing


def _save(original: Call) -> Call:
    """Time `torch.save` as a phase, and note who calls it."""
    timed = _phase(SAVE)(original)

    @functools.wraps(original)
    def save(*args: Any, **kwargs: Any) -> Any:
        since = monotonic_ns()
        try:
            return timed(*args, **kwargs)
        finally:
            spans.record(spans.CHECKPOINT, since, sys._getframe(1))

    return save


def _eval(original: Call) -> Call:
    """Note when a model that trained is to be evaluated."""

    @functools.wraps(original)
    def evaluate(self: Any) -> Any:
        if _is_compiling():
            return original(self)
        trained = self.training
        result = original(self)
        if trained:
            spans.begin_evaluation(sys.modules["torch.nn"].Module, sys._getframe(1))
        return result

    return evaluate


def _derived(part: int) -> Callable[[Any, str], None]:
    """Return a hook that times the making of instances of the classes that will be derived from one."""
    return lambda owner, _name: spans.watch_classes(owner, part)


DATA_SETS, MODELS = _derived(spans.DATA_SET), _derived(spans.MODEL)

STRATEGY = ("training_step", "validation_step", "test_step")
"""Lightning calls the user's module through these."""

# name, module, owner's attribute path, attribute, how, collector, what is lost without it
TABLE: tuple[Row, ...] = (
    ("optimizer", "torch.optim.optimizer", "", "register_optimizer_step_post_hook", _optimizer_hooks, "light",
     "steps are counted by backward calls or loader batches"),
    ("scaler", "torch.amp.grad_scaler", "GradScaler", "step", _grad_scaler, "light",
     "skipped steps are not counted"),
    ("backward", "torch.autograd", "", "_engine_run_backward", _backward, "light",
     "backward has no phase of its own"),
    ("backward", "torch.autograd.graph", "", "_engine_run_backward", _backward, "light",
     "backward has no phase of its own"),
    ("loader", "torch.utils.data.dataloader", "_BaseDataLoaderIter", "__next__", loader.wrap_next, "loader",
     "data loading comes from stacks alone"),
    ("iterator", "torch.utils.data.dataloader", "DataLoader", "_get_iterator", loader.wrap_get_iterator,
     "loader", "worker starts are not timed"),
    ("asked", "torch.utils.data.dataloader", "_MultiProcessingDataLoaderIter", "_try_put_index",
     loader.wrap_put_index, "loader", "which worker made a batch is not known"),
    ("arrived", "torch.utils.data.dataloader", "_MultiProcessingDataLoaderIter", "_get_data",
     loader.wrap_get_data, "loader", "transfer times are not known"),
    ("worker", "torch.utils.data._utils.worker", "", "_worker_loop", loader.wrap_worker_loop, "loader",
     "batches of workers are not timed"),
    ("fetch", "torch.utils.data._utils.fetch", "_MapDatasetFetcher", "fetch", loader.wrap_fetch, "loader",
     "fetch and collate are not told apart"),
    ("fetch", "torch.utils.data._utils.fetch", "_IterableDatasetFetcher", "fetch", loader.wrap_fetch,
     "loader", "fetch and collate are not told apart"),
    ("collate", "torch.utils.data._utils.fetch", "_BaseDatasetFetcher", "__init__", loader.wrap_fetcher_init,
     "loader", "fetch and collate are not told apart"),
    ("region", "torch.autograd.profiler", "record_function", "__enter__", regions.wrap_enter, "light",
     "ranges of record_function are no regions"),
    ("region", "torch.autograd.profiler", "record_function", "__exit__", regions.wrap_exit, "light",
     "ranges of record_function are no regions"),
    ("region", "torch.cuda.nvtx", "", "range_push", regions.wrap_push, "light", "NVTX ranges are no regions"),
    ("region", "torch.cuda.nvtx", "", "range_pop", regions.wrap_pop, "light", "NVTX ranges are no regions"),
    *(
        ("region", module, owner, name, how, "light", "its phases are no regions")
        for module, owner, names, how in (
            ("transformers.trainer", "Trainer", ("training_step", "evaluate"), regions.named),
            ("lightning.pytorch.strategies.strategy", "Strategy", STRATEGY, regions.named),
            ("pytorch_lightning.strategies.strategy", "Strategy", STRATEGY, regions.named),
            ("trl.extras.profiling", "ProfilingContext", ("__enter__",), regions.wrap_enter),
            ("trl.extras.profiling", "ProfilingContext", ("__exit__",), regions.wrap_exit),
        )
        for name in names
    ),
    ("save", "torch", "", "save", _save, "light", "checkpoints are found from stacks"),
    ("save", "safetensors.torch", "", "save_file", _save, "light", "checkpoints are found from stacks"),
    ("evaluation", "torch.nn", "Module", "eval", _eval, "light", "evaluations are found by their loaders"),
    ("data set", "torch.utils.data", "Dataset", "__init__", DATA_SETS, "light", "data sets are not timed"),
    ("model", "torch.nn", "Module", "__init__", MODELS, "light", "the making of the model is not timed"),
    ("to", "torch", "Tensor", "to", _to, "copies", "host-to-device copies are not timed"),
    ("cuda", "torch", "Tensor", "cuda", _cuda, "copies", "host-to-device copies are not timed"),
    ("pin", "torch", "Tensor", "pin_memory", _phase(PIN), "copies", "pinning is not timed"),
    *(
        ("read", "torch", "Tensor", name, _on_device, "copies", "synchronising reads are not timed")
        for name in ("item", "cpu", "tolist", "__bool__", "__float__", "__int__", "__index__", "nonzero")
    ),
    ("compile", "torch._dynamo", "callback_handler", "register_start_callback", compiles.listen, "light",
     "compiling is found from stacks"),
    ("synchronize", "torch.cuda", "", "synchronize", _phase(SYNC), "copies", "synchronize is not timed"),
    *(
        ("collective", "torch.distributed", "", name, _phase(COLLECTIVE), "light",
         "collectives are found from stacks")
        for name in ("all_reduce", "all_gather", "broadcast", "barrier", "reduce_scatter_tensor",
                     "all_gather_into_tensor", "all_gather_object", "broadcast_object_list", "reduce",
                     "gather")
    ),
)  # fmt: skip
"""Seen in torch 2.2 to 2.13 by their names; `torch.distributed` is empty where torch was built without it."""

DEVICE_ONLY = ("read", "synchronize", "cuda")
"""Points that can't matter to a torch built for the CPU alone: left as they are."""
LATE = (
    *("torch._dynamo", "safetensors.torch", "transformers.trainer", "trl.extras.profiling"),
    *("lightning.pytorch.strategies.strategy", "pytorch_lightning.strategies.strategy"),
)
"""Modules that `import torch` doesn't load: their points are installed once the script has imported them."""
HOOKS = (_optimizer_hooks, compiles.listen, DATA_SETS, MODELS)
"""Installed by torch's own registration, not by putting something in its place."""


def install(torch: Any) -> None:
    """Install every patch point that this torch has; note those that it lacks."""
    global _is_compiling
    compiler = getattr(torch, "compiler", None)
    _is_compiling = getattr(compiler, "is_compiling", _is_compiling)
    version = getattr(torch, "__version__", "?")
    left_out = _left_out(torch)
    wanted = [row for row in TABLE if row[0] not in left_out]
    for row in wanted:
        points = sum(other[5] == row[5] for other in wanted)
        if row[1] in LATE:
            late = functools.partial(_install_noted, row, version, points)
            compiles.waiting.setdefault(row[1], []).append(late)
        else:
            _install_noted(row, version, points)
    spans.after_import.append(compiles.look)


def _left_out(torch: Any) -> tuple[str, ...]:
    """Return the points that can't matter to this torch as it was built."""
    build = getattr(torch, "version", None)
    has_device = bool(getattr(build, "cuda", None) or getattr(build, "hip", None))
    distributed = getattr(torch, "distributed", None)
    has_collectives = distributed is not None and distributed.is_available()
    return (*(() if has_device else DEVICE_ONLY), *(() if has_collectives else ("collective",)))


def _install_noted(row: Row, version: str, points: int) -> None:
    """Install a point, or note what is lost without it; its collector has so many points."""
    name, module_name, owner_path, attribute, how, collector, lost = row
    place = ".".join(part for part in (module_name, owner_path, attribute) if part)
    try:
        found = _install_one(module_name, owner_path, attribute, how)
        package = module_name.partition(".")[0]
        missing = (
            f"torch {version} has no {place}" if package == "torch" else f"this {package} has no {place}"
        )
    except Exception as error:
        found, missing = False, f"torch {version} lets nobody patch {place} ({error!r})"
    if not found:
        recorder.note("patch", name=name, collector=collector, missing=missing, lost=lost, points=points)


def _install_one(module_name: str, owner_path: str, attribute: str, how: Any) -> bool:
    owner = sys.modules.get(module_name)
    if owner is not None and owner_path:
        owner = getattr(owner, owner_path, None)
    original = getattr(owner, attribute, None) if owner is not None else None
    if original is None:
        return False
    if how in HOOKS:
        how(owner, attribute)
        return True
    wrapped = how(original, _is_compiling) if how is loader.wrap_next else how(original)
    wrapped.__code__ = wrapped.__code__.replace()  # cProfile tells wrappers of one maker apart by their code
    untraced.leave_out(sys.modules["torch"], wrapped)
    setattr(owner, attribute, wrapped)
    return True
