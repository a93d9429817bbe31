"""Sample the stacks of all threads from a thread of the process itself: where py-spy may not look.

A raw count would be badly wrong, since C code that holds the GIL delays the sampler; each sample is weighted
by the time since the one before it.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from .live import page
from .recorder import STACK_SAMPLE, recorder

PERIOD_S = 0.01
"""100 Hz: each sample takes the GIL from the training thread for some 20 us a thread."""
JITTER = 0.5
"""Share of the period by which the moments vary, against lock-step with the training loop."""

_state: dict[str, int | None] = {"pid": None}


def _jitter(seed: int) -> tuple[float, int]:
    """Return a number in 0..1 and the next seed: a private generator, so that the script's is untouched."""
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return seed / 0x7FFFFFFF, seed


def _sample_until_told() -> None:
    own, seed = threading.get_ident(), 1
    before = time.monotonic_ns()
    while not (page.get("window_start_ns") and not page.get("want_stacks")):
        share, seed = _jitter(seed)
        time.sleep(PERIOD_S * (1 - JITTER / 2 + JITTER * share))
        now = time.monotonic_ns()
        for tid, frame in sys._current_frames().items():
            if tid != own:
                recorder.know_thread(tid)
                recorder.rows.append((STACK_SAMPLE, tid, before, now, recorder.stack_id(frame), 0, 0, 0))
        before = now


def sample_here() -> None:
    """Begin sampling this process, once."""
    if _state["pid"] == os.getpid():
        return
    _state["pid"] = os.getpid()
    threading.Thread(target=_sample_until_told, name="throughput-stacks", daemon=True).start()
