"""Change what a script computes with, without an edit: precision, compilation, optimizer, memory layout.

Models are found where they are first called: outermost modules with parameters, called with gradients.
"""

from __future__ import annotations

import functools

from . import backwards
from .knobs import applied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FOUND_AFTER = 3
"""Backwards after which a script's models are known; then they are called as torch has it again."""

_kept: list[Any] = []
"""What must not be collected: an autocast that stays on."""


def turn(torch: Any, knobs: dict[str, Any]) -> None:
    """Apply the settings; called once, right after torch was imported."""
    if knobs.get("foreach"):
        torch.optim.Optimizer.__init__ = _foreach(torch.optim.Optimizer.__init__)
    first = []
    if knobs.get("tf32"):
        first.append(functools.partial(_allow_tf32, torch))
    if knobs.get("bf16"):
        first.append(functools.partial(_autocast, torch))
    if knobs.get("channels_last"):
        first.append(functools.partial(_channels_last, torch))
    if first or knobs.get("compile"):
        _find_models(torch, first, [_compile] if knobs.get("compile") else [])


def _foreach(original: Callable[..., None]) -> Callable[..., None]:
    """Return `Optimizer.__init__` that has the step work on all parameters at once, where it can."""

    @functools.wraps(original)
    def __init__(self: Any, params: Any, defaults: dict[str, Any]) -> None:
        others = defaults.get("fused") or defaults.get("differentiable")
        if not defaults.get("foreach", True) and not others:
            defaults["foreach"] = True
            applied("foreach")
        original(self, params, defaults)

    return __init__


def _find_models(torch: Any, first: list[Any], later: list[Any]) -> None:
    """Give each model to `first` before its first call, and to `later` once all are known."""
    module = torch.nn.Module
    original = module.__call__
    models: dict[int, Any] = {}
    depth = [0]

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not depth[0] and id(self) not in models and torch.is_grad_enabled() and _learns(self):
            models[id(self)] = self
            for change in first:
                change(self)
        depth[0] += 1
        try:
            return original(self, *args, **kwargs)
        finally:
            depth[0] -= 1

    def known(backward: int) -> None:
        if backward == FOUND_AFTER:
            module.__call__ = original
            for model in models.values():
                for change in later:
                    change(model)

    module.__call__ = __call__
    backwards.listen(torch, known)


def _learns(model: Any) -> bool:
    return any(parameter.requires_grad for parameter in model.parameters())


def _device_of(model: Any) -> str:
    return str(next(model.parameters()).device.type)


def _allow_tf32(torch: Any, model: Any) -> None:
    if _device_of(model) != "cuda" or torch.get_float32_matmul_precision() != "highest":
        return
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    applied("tf32")


def _autocast(torch: Any, model: Any) -> None:
    """Turn autocast on for good in this thread; without its cache, which only its end would empty."""
    device = _device_of(model)
    if _kept or _has_autocast(torch, device):
        return
    context = torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)
    context.__enter__()
    _kept.append(context)
    applied("bf16")


def _has_autocast(torch: Any, device: str) -> bool:
    """Return whether the script has turned it on itself."""
    try:
        return bool(torch.is_autocast_enabled(device))
    except TypeError:  # before torch 2.4 it takes no device
        return bool(torch.is_autocast_cpu_enabled() if device == "cpu" else torch.is_autocast_enabled())


def _channels_last(torch: Any, model: Any) -> None:
    if any(parameter.dim() == 4 for parameter in model.parameters()):
        model.to(memory_format=torch.channels_last)
        applied("channels_last")


def _compile(model: Any) -> None:
    if getattr(model, "_compiled_call_impl", None) is None and type(model).__name__ != "OptimizedModule":
        model.compile()
        applied("compile")
