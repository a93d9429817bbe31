"""Watch a running script until its window is done: attach collectors, report progress, end it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from throughput.collect.child import Child, descendants
from throughput.collect.live_page import LivePage
from throughput.collect.pyspy import StackSampler, rate_for
from throughput.collect.run_directory import RunDirectory, write_whole
from throughput.collect.stalls import as_text, look_at
from throughput.model.run import CollectorStatus

IN_PROCESS = 4
"""Value of the page's stacks_state that has the training process sample itself."""
TICK_S = 0.02
FIRST_HEAVY = 4
"""Number of the torch block, the first one of the heavy ones, as the page has it."""
"""How soon the parent answers the training process, against its own CPU (measured below 1 % of a core)."""
AFTER_DONE_S, AFTER_DONE_IDLE_S = 30.0, 3.0
"""A stopped script may write a checkpoint in a finally: it has this long, or less when it uses no CPU."""
INTERRUPT_GRACE_S = 5.0
BUSY_CPUS = 0.02
"""A process tree below this share of a core shows no sign of life (the hang rule)."""
CPU_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the run stands, for the live display."""

    block: str
    kept: int
    asked: int
    seen: int
    steps_per_s: float | None
    elapsed_s: float
    ranks: int
    loader_share: float | None = None
    compute_share: float | None = None
    """Of backward and optimizer alone: what else computes is told apart after the run."""


@dataclass(slots=True)
class Rank:
    """What the parent knows of one training process."""

    folder: Path
    page: LivePage
    sampler: StackSampler | None = None
    status: CollectorStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What the user asked of the watching."""

    stacks: str
    """auto, py-spy, in-process or off."""
    max_seconds: float | None
    stall_s: float
    run_to_end: bool


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How the run ended."""

    ended: str = "completed"
    exit_code: int | None = None
    ranks: list[Rank] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wall_s: float = 0.0
    startup_s: float | None = None
    child: dict[str, int] = field(default_factory=dict)
    """The script's own process: its id, and when it began and was gone, monotonic ns."""
    signal: int = 0
    """What interrupted us."""


class Watcher:
    """Follows one script from its start to its end."""

    def __init__(
        self,
        child: Child,
        directory: RunDirectory,
        options: WatchOptions,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.child = child
        self.directory = directory
        self.options = options
        self.on_progress = on_progress
        self.outcome = Outcome()
        self.interrupted = 0
        self._ranks: dict[Path, Rank] = {}
        self._began = time.monotonic()
        self._done_at: float | None = None
        self._stop_at: float | None = None
        self._next_look = 0.0
        self._cpu = _CpuWatch(os.getpid())
        self._last_sign = time.monotonic()
        self._relayed = 0
        self.on_pids: Callable[[set[int]], None] | None = None

    def run(self) -> Outcome:
        """Watch until the script and all it started are gone; return how it ended."""
        while self.child.pump(TICK_S):
            self._look()
        self.outcome.child = {
            "child_pid": self.child.pid,
            "child_began_ns": self.child.started_ns,
            "child_ended_ns": time.monotonic_ns(),
        }
        self.outcome.wall_s = time.monotonic() - self._began
        self.outcome.exit_code = self.child.popen.returncode
        for rank in self._ranks.values():
            if rank.sampler is not None:
                rank.sampler.end()
        self.child.spare(self._sampler_pids())
        self.child.end()
        self._find_ranks()
        for rank in self._ranks.values():
            if rank.sampler is not None:
                rank.status = rank.sampler.wait()
        self.outcome.ranks = list(self._ranks.values())
        self._judge_end()
        return self.outcome

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Take a Ctrl-C or SIGTERM: end at the next step; a second one ends the script now."""
        self.interrupted += 1
        self.outcome.signal = self.outcome.signal or number
        self._stop("interrupted")
        if self.interrupted > 1:
            self.child.signal_tree(signal.SIGKILL)

    def _sampler_pids(self) -> set[int]:
        return {rank.sampler.pid for rank in self._ranks.values() if rank.sampler is not None}

    def _look(self) -> None:
        self._find_ranks()
        for rank in self._ranks.values():
            self._tend(rank)
        now = time.monotonic()
        self._check_limits(now)
        if now >= self._next_look:
            self._next_look = now + 0.25
            self._report(now)
            self._check_life(now)

    def _find_ranks(self) -> None:
        for folder in self.directory.ranks():
            if folder not in self._ranks:
                page = LivePage.open(folder)
                if page is not None:
                    self._ranks[folder] = Rank(folder, page)

    def _tend(self, rank: Rank) -> None:
        """Attach py-spy when the rank has settled what a step is; pause it for the last light steps.

        Its file is written beside the steps under heavy collectors, whose times are not quoted.
        """
        page = rank.page
        if self.options.stacks in ("auto", "py-spy") and rank.sampler is None and page.get("rule_settled"):
            rank.sampler = self._attach(rank)
        sampler = rank.sampler
        if sampler is None:
            return
        state = page.get("stacks_state")
        if state == 1 and (sampler.is_sampling() or sampler.has_ended()):
            refused = IN_PROCESS if self.options.stacks == "auto" else 3
            page.set("stacks_state", 2 if sampler.is_sampling() else refused)
        elif state == 2 and page.get("window_start_ns") and not page.get("want_stacks"):
            sampler.pause()
            page.set("stacks_state", 3)
        elif state == 3 and page.get("block") >= FIRST_HEAVY:
            sampler.end()

    def _attach(self, rank: Rank) -> StackSampler | None:
        page = rank.page
        page.set("stacks_state", 1)
        steps, asked = max(page.get("steps_seen"), 1), max(page.get("asked"), 1)
        lasted = max(page.get("last_step_ns") - page.get("first_step_ns"), 1)
        window_ns = int(lasted / max(steps - 1, 1) * asked * 0.75)
        rate = rate_for(window_ns, 1 + len(descendants(page.get("pid"))))
        try:
            return StackSampler(page.get("pid"), rank.folder, rate)
        except OSError as error:
            page.set("stacks_state", IN_PROCESS if self.options.stacks == "auto" else 3)
            rank.status = CollectorStatus(
                name="stacks", state="unavailable", reason=f"py-spy did not start: {error}"
            )
            return None

    def _stop(self, why: str) -> None:
        if self._stop_at is None:
            self._stop_at = time.monotonic()
            self.outcome.ended = why
        # Ranks synchronise each step: they must stop at the same one, a little ahead of the first of them.
        several = len(self._ranks) > 1
        seen = [rank.page.get("steps_seen") for rank in self._ranks.values()]
        at = max(seen) + 3 if several else 1
        for rank in self._ranks.values():
            rank.page.set("stop", at)

    def _check_limits(self, now: float) -> None:
        limit = self.options.max_seconds
        if limit is not None and now - self._began > limit:
            self._stop("max_seconds")
        if self._stop_at is not None and now - self._stop_at > INTERRUPT_GRACE_S:
            self.child.signal_tree(signal.SIGTERM)
            if now - self._stop_at > 2 * INTERRUPT_GRACE_S:
                self.child.signal_tree(signal.SIGKILL)
        done = bool(self._ranks) and all(r.page.block == "done" for r in self._ranks.values())
        if done and not self.options.run_to_end:
            self._done_at = self._done_at or now
            if now - self._done_at > AFTER_DONE_S:
                self._end_lingering()

    def _end_lingering(self) -> None:
        self.outcome.notes.append("The script went on after the stop and was ended.")
        self.child.end()

    def _check_life(self, now: float) -> None:
        busy = self._cpu.busy_cpus(self._sampler_pids()) >= BUSY_CPUS
        signs = max((r.page.get("last_sign_ns") for r in self._ranks.values()), default=0) / 1e9
        if busy or self.child.relayed != self._relayed:
            self._last_sign = now
        self._relayed = self.child.relayed
        self._last_sign = max(self._last_sign, min(signs, now))
        quiet = now - self._last_sign
        if (
            self._done_at is not None
            and quiet > AFTER_DONE_IDLE_S
            and now - self._done_at > AFTER_DONE_IDLE_S
        ):
            self._end_lingering()
        elif self._done_at is None and quiet > self.options.stall_s and self._stop_at is None:
            self._record_stall(quiet)

    def _record_stall(self, quiet: float) -> None:
        pids = ({self.child.pid} | descendants(self.child.pid)) - self._sampler_pids()
        seen = max((rank.page.get("steps_seen") for rank in self._ranks.values()), default=0)
        found = look_at(pids)
        moment = {
            "t": time.monotonic_ns(),
            "step": seen + 1 if seen else None,
            "pid": self.child.pid,
            "processes": found,
        }
        write_whole(self.directory.raw / "stall.json", json.dumps(moment).encode())
        write_whole(self.directory.raw / "stall.txt", as_text(found).encode("utf-8", "replace"))
        self.outcome.notes.append(
            f"No step and no other sign of life for {quiet:.0f} s: "
            "the stacks of all threads are in raw/stall.txt."
        )
        self.outcome.ended = "stalled"
        self._stop_at = now = time.monotonic()
        self._last_sign = now
        self.child.end()

    def _report(self, now: float) -> None:
        if not self._ranks:
            self.on_progress(
                Progress(
                    block="start",
                    kept=0,
                    asked=0,
                    seen=0,
                    steps_per_s=None,
                    elapsed_s=now - self._began,
                    ranks=0,
                )
            )
            return
        page = next(iter(self._ranks.values())).page
        if self.outcome.startup_s is None and page.get("first_step_ns"):
            self.outcome.startup_s = (page.get("first_step_ns") - self.child.started_ns) / 1e9
        seen, lasted = page.get("steps_seen"), page.get("last_step_ns") - page.get("first_step_ns")
        clean = page.get("clean_ns")
        self.on_progress(
            Progress(
                block=page.block,
                kept=page.get("kept"),
                asked=page.get("asked"),
                seen=seen,
                steps_per_s=(seen - 1) / (lasted / 1e9) if seen > 1 and lasted > 0 else None,
                elapsed_s=now - self._began,
                ranks=len(self._ranks),
                loader_share=page.get("loader_ns") / clean if clean > 0 else None,
                compute_share=page.get("compute_ns") / clean if clean > 0 else None,
            )
        )
        if self.on_pids is not None:
            self.on_pids({r.page.get("pid") for r in self._ranks.values()})

    def _judge_end(self) -> None:
        outcome, ranks = self.outcome, self.outcome.ranks
        if outcome.ended != "completed":
            return
        if outcome.startup_s is None and ranks and ranks[0].page.get("first_step_ns"):
            outcome.startup_s = (ranks[0].page.get("first_step_ns") - self.child.started_ns) / 1e9
        stepped = any(r.page.get("steps_seen") > 0 for r in ranks)
        done = stepped and all(r.page.get("kept") >= r.page.get("asked") > 0 for r in ranks)
        if outcome.exit_code not in (0, None) and not (done and self._done_at is not None):
            outcome.ended = "crashed"
        elif not stepped:
            outcome.ended = "never_stepped"
        elif not done:
            outcome.ended = "script_ended"


class _CpuWatch:
    """CPU use of the process tree below us, from /proc, at most once a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._at = 0.0
        self._ticks = 0
        self._busy = 1.0

    def busy_cpus(self, ours: set[int]) -> float:
        """Return how many CPUs the tree used since the last reading, without these processes of ours."""
        now = time.monotonic()
        if now - self._at < 1.0:
            return self._busy
        ticks = sum(_ticks(pid) for pid in descendants(self._pid) - ours)
        if self._at:
            self._busy = max(ticks - self._ticks, 0) * CPU_TICK_S / (now - self._at)
        self._at, self._ticks = now, ticks
        return self._busy


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, IndexError, ValueError):
        return 0
