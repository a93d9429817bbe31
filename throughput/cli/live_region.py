"""Show live lines under the script's own output, whose bytes pass unchanged.

The cursor always rests where the script left it: the live lines are drawn below, and wiped before any byte
of the script is written. Without a terminal a plain line is printed now and then instead.
"""

from __future__ import annotations

import io
import os
import sys
import time

from rich.console import Console

from throughput.collect.watch import Progress
from throughput.model.category import Category
from throughput.render.live import LiveState, live_view, plain_line

REDRAW_S = 0.25
PLAIN_EVERY_S = 10.0
PHASES = {
    "start": "starting",
    "warmup": "warm-up",
    "dropped": "settling",
    "light": "measuring",
    "stacks": "measuring",
    "torch": "torch.profiler",
    "shapes": "torch.profiler, with shapes",
    "growth": "tracemalloc, as memory grows",
    "cprofile": "cProfile",
    "done": "ending the script",
}
DOWN, SAVE, RESTORE, WIPE = "\x1bD", "\x1b7", "\x1b8", "\x1b[J"


class LiveLines:
    """The live display of one profile."""

    def __init__(self, *, quiet: bool, script_to_stderr: bool) -> None:
        self._quiet = quiet
        self._stdout = 2 if script_to_stderr else 1
        self._on_terminal = not quiet and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._drawn = False
        self._next = 0.0
        self._last_phase = ""
        self._mid_line = False
        self._text = b""

    def relay(self, stream: str, data: bytes) -> None:
        """Pass the script's bytes on."""
        self._wipe()
        self._mid_line = not data.endswith(b"\n")
        fd = self._stdout if stream == "stdout" else 2
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        self._put()

    def show(self, progress: Progress) -> None:
        """Draw where the profile stands, not more often than a reader needs."""
        if self._quiet:
            return
        now, state = time.monotonic(), _state(progress)
        if self._on_terminal:
            if now >= self._next:
                self._next = now + REDRAW_S
                self._draw(state)
        elif state.phase != self._last_phase or now >= self._next:
            self._next, self._last_phase = now + PLAIN_EVERY_S, state.phase
            sys.stderr.write(f"throughput: {plain_line(state)}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal as the script left it, on a line of its own."""
        self._wipe()
        self._text = b""
        if self._mid_line and self._on_terminal:
            os.write(2, b"\r\n")

    def _wipe(self) -> None:
        if self._drawn:
            self._drawn = False
            os.write(2, WIPE.encode())

    def _draw(self, state: LiveState) -> None:
        buffer = io.StringIO()
        size = os.get_terminal_size(2)
        console = Console(file=buffer, force_terminal=True, width=size.columns, highlight=False)
        console.print(live_view(state))
        lines = buffer.getvalue().rstrip("\n").split("\n")
        room = len(lines) + 1
        body = "\r\n".join(lines)
        text = f"{WIPE}{DOWN * room}\x1b[{room}A{SAVE}\r\n{body}{RESTORE}"
        self._text = text.encode("utf-8", "replace")
        self._put()

    def _put(self) -> None:
        """Draw the last state below whatever the script has written."""
        if self._text:
            os.write(2, self._text)
            self._drawn = True


def _state(progress: Progress) -> LiveState:
    loader, compute = progress.loader_share, progress.compute_share
    shares: tuple[tuple[Category, float], ...] = ()
    if loader is not None and compute is not None:
        rest = max(0.0, 1.0 - loader - compute)
        shares = ((Category.DATA_LOADING, loader), (Category.COMPUTE, compute), (Category.UNATTRIBUTED, rest))
    return LiveState(
        phase=PHASES.get(progress.block, progress.block),
        step=progress.kept,
        steps=progress.asked,
        steps_per_s=progress.steps_per_s,
        elapsed_s=progress.elapsed_s,
        shares=shares,
    )
