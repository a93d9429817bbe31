"""Count a script's backwards, and keep its losses: what trials need to know of the training."""

from __future__ import annotations

import functools
import math
import sys

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOSSES_MOST = 400
"""Losses that are kept: as many steps as a trial takes."""

_listeners: list[Callable[[int], None]] = []
_losses: list[Any] = []
_state = {"count": 0, "wrapped": 0}


def count() -> int:
    """Return how many backwards have ended."""
    return _state["count"]


def listen(torch: Any, then: Callable[[int], None]) -> None:
    """Call `then` with the number of backwards after each of them."""
    _wrap(torch)
    _listeners.append(then)


def keep_losses(torch: Any) -> None:
    """Keep what the first backwards began from, where that is one number; `note_losses` writes them."""
    _wrap(torch)
    _state["losses"] = 1


def note_losses() -> None:
    """Write the losses as a note, null for one that is no number; reading them waits for the device."""
    values: list[float | None] = []
    for loss in _losses:
        try:
            value = float(loss)
        except Exception:
            break
        values.append(value if math.isfinite(value) else None)
    if values:
        recorder.note("losses", values=values)
    _losses.clear()


def _wrap(torch: Any) -> None:
    """Wrap the autograd engine's entry, once, wherever torch looks it up."""
    if _state["wrapped"]:
        return
    _state["wrapped"] = 1
    for name in ("torch.autograd", "torch.autograd.graph"):
        module = sys.modules.get(name)
        original = getattr(module, "_engine_run_backward", None)
        if module is not None and original is not None:
            module._engine_run_backward = _noticed(original)  # type: ignore[attr-defined]


def _noticed(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def _engine_run_backward(t_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(t_outputs, *args, **kwargs)
        _state["count"] += 1
        if _state.get("losses") and len(_losses) < LOSSES_MOST:
            _keep(t_outputs)
        for then in _listeners:
            then(_state["count"])
        return result

    return _engine_run_backward


def _keep(outputs: Any) -> None:
    try:
        first = outputs[0]
        if first.numel() == 1:
            _losses.append(first.detach())
    except Exception:
        pass
