"""Run two training scripts in turns: both alive, one running, each stopped at the end of a step.

A slow second of the machine then slows both, and what differs between them is their own. The idle side's
whole process tree is stopped, so that its workers don't work ahead for free. Turns go in ABBA order, after a
random first one. Raw files are those of a profile with nothing but light timers.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from throughput.collect.child import Child, child_environment, descendants
from throughput.collect.live_page import LivePage
from throughput.collect.options import ALWAYS, ProfileOptions, check
from throughput.collect.run_directory import RunDirectory, new_run_directory
from throughput.errors import ScriptFailed, ThroughputError

SETTLING_STEPS = 12
"""Of each side before the first turn: by then it is known what a step is, and prefetched batches are used."""
BLOCK_S = 0.1
"""A turn of about this length: the span over which a machine's speed hardly changes (measured)."""
BLOCK_STEPS_MIN, STEPS_A_WORKER = 4, 8
"""Batches of several workers come in bursts: shorter turns would catch half of one."""
FIRST_STEPS_S, TURN_S = 300.0, 120.0
"""A side that takes longer to its first steps, or for a turn, hangs."""
TICK_S = 0.002

Relay = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """How long to go on: so many steps of each side, or so many seconds of running together."""

    steps: int = 400
    seconds: float = 120.0
    least: int = 0
    """Turns that each side gets whatever they take."""
    locks: bool = False
    """Waits for locks are timed too, on both sides."""


class CannotTakeTurns(ThroughputError):
    """Two such scripts can't be alive at once: several ranks, or too little memory for both."""


class Side:
    """One of the two scripts: started, held, let go, ended."""

    def __init__(self, options: ProfileOptions, folder: Path, *, locks: bool) -> None:
        check(options)
        chosen = (*ALWAYS, "locks") if locks else ALWAYS
        light = replace(options, collectors=chosen, stacks="auto", steps=10**9, warmup=str(SETTLING_STEPS))
        now = dt.datetime.now(dt.timezone.utc)
        self.directory: RunDirectory = new_run_directory(str(folder), options.name, now)
        in_process = light.in_process() | {"hold_at": SETTLING_STEPS}
        environment = {**os.environ, **options.variables}
        variables = child_environment(self.directory.raw, in_process, environment)
        self.child = Child(list(options.command()), variables, lambda _name, _data: None, options.cwd)
        self.page: LivePage | None = None

    @property
    def number(self) -> int:
        """Steps taken so far."""
        return self.page.get("steps_seen") if self.page is not None else 0

    @property
    def is_alive(self) -> bool:
        """Whether the script runs, or is held."""
        return self.child.popen.poll() is None

    def wait_until_held(self, limit_s: float) -> bool:
        """Return True once it stands at the end of a step, its whole tree stopped; False where it ended.

        Raises:
            ScriptFailed: neither happened in time.
        """
        deadline = time.monotonic() + limit_s
        while self.child.pump(TICK_S):
            if self.page is None:
                self.page = _page(self.directory)
            elif self.page.get("held_at") >= self.page.get("hold_at") and _is_stopped(self.page.get("pid")):
                self._signal(signal.SIGSTOP)
                return True
            if time.monotonic() > deadline:
                raise ScriptFailed(
                    f"The script took no {SETTLING_STEPS} steps in {limit_s:.0f} s.",
                    hint="Lockstep needs one training process that steps; see throughput profile.",
                )
        return False

    def go_on(self, steps: int) -> None:
        """Let it run until it has taken so many more steps."""
        assert self.page is not None
        self.page.set("hold_at", self.number + steps)
        self._signal(signal.SIGCONT)

    def leave(self) -> None:
        """Stop the training at its next step, and wait until the script has ended by itself."""
        if self.page is not None and self.is_alive:
            self.page.set("stop", 1)
            self.page.set("hold_at", 0)
            self._signal(signal.SIGCONT)
            deadline = time.monotonic() + TURN_S / 4
            while self.child.pump(0.05) and time.monotonic() < deadline:
                pass

    def workers(self) -> int:
        """Return how many processes the script has started."""
        return len(descendants(self.child.pid))

    def _signal(self, number: int) -> None:
        for pid in (self.child.pid, *descendants(self.child.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def take_turns(
    sides: Sequence[ProfileOptions], folder: Path, turns: Turns
) -> tuple[RunDirectory, RunDirectory]:
    """Return both sides' run directories, in which only the light timers wrote.

    Args:
        sides: each side's options.
        folder: where the two run directories go, `a` and `b`.
        turns: when it is enough; a side that ends by itself ends it too.

    Raises:
        ScriptFailed: a side ended before it had settled, or hangs.
        CannotTakeTurns: a side has several ranks, or memory doesn't hold both.
        UsageError: a side can't be started.
    """
    running: list[Side] = []
    try:
        for name, options in zip("ab", sides, strict=True):
            side = Side(options, folder / name, locks=turns.locks)
            running.append(side)
            if not side.wait_until_held(FIRST_STEPS_S):
                raise _ended_early(side, alone=len(running) == 1)
        _alternate(running, turns)
    finally:
        # First both by themselves: ending one's processes by force ends all that we started.
        for side in running:
            side.leave()
        for side in running:
            side.child.end()
    return running[0].directory, running[1].directory


def _alternate(sides: list[Side], turns: Turns) -> None:
    order = [0, 1]
    random.shuffle(order)  # always the same one first would bias
    block = _block(sides)
    began, done = time.monotonic(), 0
    while done < turns.least * block or (done < turns.steps and time.monotonic() - began < turns.seconds):
        for index in order:
            sides[index].go_on(block)
            if not sides[index].wait_until_held(TURN_S):
                return
        order.reverse()
        done += block


def _block(sides: list[Side]) -> int:
    """Return the steps of a turn, from the time that some steps of each side take."""
    typical = 0.0
    for side in sides:
        began = time.monotonic()
        side.go_on(BLOCK_STEPS_MIN)
        if not side.wait_until_held(TURN_S):
            raise ThroughputError("A script ended during its first turn.", hint="Give it more steps to take.")
        typical = max(typical, (time.monotonic() - began) / BLOCK_STEPS_MIN)
    workers = max(side.workers() for side in sides)
    return max(BLOCK_STEPS_MIN, STEPS_A_WORKER * workers, round(BLOCK_S / max(typical, 1e-6)))


def _page(directory: RunDirectory) -> LivePage | None:
    folders = directory.ranks()
    if len(folders) > 1:
        raise CannotTakeTurns("Lockstep needs one training process, here are several.", hint="Use one rank.")
    return LivePage.open(folders[0]) if folders else None


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def _ended_early(side: Side, *, alone: bool) -> ThroughputError:
    """Return what to raise for a side that ended before its first turn."""
    code, words = side.child.popen.poll(), _last_words(side)
    if not alone and (code == -signal.SIGKILL or "out of memory" in words.lower() or "MemoryError" in words):
        return CannotTakeTurns("Memory doesn't hold both sides at once.", hint=words)
    return ScriptFailed(
        f"The script ended before it had taken {SETTLING_STEPS} steps.",
        hint=words or "Run it by itself first.",
    )


def _last_words(side: Side) -> str:
    lines = b"".join(side.child.kept).decode("utf-8", "replace").strip().splitlines()
    return f"It said: {lines[-1]}" if lines else ""
