"""Note the pauses that Python announces: garbage collections of the oldest generation."""

from __future__ import annotations

import gc
import threading
import time

from .recorder import PAUSE, recorder

_begun = [0]


def _on_collection(phase: str, info: dict[str, int]) -> None:
    if info["generation"] < 2:
        return
    if phase == "start":
        _begun[0] = time.monotonic_ns()
    elif _begun[0]:
        recorder.rows.append((PAUSE, threading.get_ident(), _begun[0], time.monotonic_ns(), 1, 0, 0, 0))
        _begun[0] = 0


def watch() -> None:
    """Start listening to the garbage collector."""
    gc.callbacks.append(_on_collection)
