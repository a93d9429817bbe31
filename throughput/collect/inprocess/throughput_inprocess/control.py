"""Run the window: warm-up, light steps with and without stacks, torch.profiler, cProfile, stop.

The parent watches the shared page and attaches py-spy; everything else is decided here, at step ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from . import blocks, compiles, device_calls, facts, instructions, mapped, plan, ranks, stacks
from .clock import clock
from .growth import Growth
from .live import SLOT, is_there, page
from .recorder import STEP, recorder
from .steps import StepFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .clock import PhaseClock

WARMUP, DROPPED, LIGHT, STACKS, TORCH, CPROFILE, DONE, SHAPES, GROWTH = range(9)
UNPROFILED = (WARMUP, LIGHT)
RESUME = 11
"""Row kind: steps start anew at t0 after a pause of ours, which belongs to no step."""
WARMUP_STEPS_MAX, WARMUP_NS_MAX = 50, 60_000_000_000
"""Warm-up ends at the latest then; or when steps are steady."""
ATTACH_NS_MAX = 3_000_000_000
"""py-spy takes 0.05 to 0.3 s to attach; on a loaded machine more."""
HOLD_AT, STACKS_STATE, STEPS_SEEN = SLOT["hold_at"], SLOT["stacks_state"], SLOT["steps_seen"]
KEPT, LAST_STEP, LAST_SIGN = SLOT["kept"], SLOT["last_step_ns"], SLOT["last_sign_ns"]
SHOW_NS = 100_000_000
"""The split so far is written, and the parent looked for, no more often: each time costs some 0.1 ms."""
PLAIN_TAIL = 0.35
"""Share of the light steps that run without py-spy at the end: they measure its distortion, and where that is
large, times come from them alone."""
SWALLOWED_STOPS_MAX = 3
"""How often the stop is raised again when a bare except swallows it, before the process ends itself."""


class StopTraining(SystemExit):
    """Ends the script after the window: like sys.exit(0), so that every framework unwinds cleanly."""

    def __init__(self) -> None:
        super().__init__(0)


class Controller:
    """The state of one training process's window."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.asked = options.get("steps", 200)
        self.warmup = options.get("warmup", "auto")
        self.run_to_end = options.get("run_to_end", False)
        self.stacks = options.get("stacks", "off")
        self.collectors = set(options.get("collectors", ()))
        self.parent = options.get("parent", 0)
        self.finder = StepFinder(options.get("marker"))
        self.thread: int | None = None
        self.block = WARMUP
        self.number = 0
        self.kept = self.warm_steps = self.dropped = 0
        self.samples = self.tokens = 0
        self.shaped, self.growth = 0, Growth()
        self.durations: list[int] = []
        self.prefetched = 0
        self.began = self.last_end = self.settled_at = self.shown_at = 0
        self.profiler_warm = "torch" not in self.collectors
        self.plan = (0, 0, 0)
        self.ranks: ranks.Ranks | None = None
        self.agreed_plan: tuple[int, int, int] | None = None
        self.stops = 0
        self.off = False
        self.reads_all_marks = True
        self.quick_key: Any = None
        self.quick_until = 0
        self.totals_at_window: tuple[int, int, int] | None = None
        page.set("hold_at", options.get("hold_at", 0))

    def mark(self, kind: str, key: Any = None, name: str = "") -> None:
        """Take a mark of the training thread; may end a step, and may raise StopTraining."""
        if self.off:
            return
        clk = clock()
        # Batches may be taken in a thread that only fetches ahead.
        if self.thread is None or (not self.finder.settled and kind not in ("batch", "exhausted")):
            self.thread = clk.thread
        if clk.thread != self.thread:
            return
        finder = self.finder
        rule = (finder.rule, finder.primary)
        ended = finder.mark(kind, key, name)
        if not self.began and kind in ("optimizer", "backward", "marker"):
            self._first_sign()
        if len(finder.fires) > 1:
            self.quick_key = None
        if finder.heirs_steps:
            self._skip_uncounted(clk)
            return
        if (finder.rule, finder.primary) != rule:
            self._rule_changed()
            self.number = self.warm_steps = finder.passed() - ended
        if finder.rule == "none":
            self.show()
        if ended:
            self._step_ended(clk)

    def quick(self, key: Any, clk: PhaseClock, now: int) -> bool:
        """Take the mark of the only optimizer where nothing is to be decided; False: `mark` must take it.

        Most steps of a fast training end here. `reads_all_marks` is False where other marks say nothing more.
        """
        cells = page.cells
        if (
            key != self.quick_key
            or self.kept + 1 >= self.quick_until
            or now - self.shown_at > SHOW_NS
            or cells[HOLD_AT]
            or clk.thread != self.thread
        ):
            return False
        self.finder.fires[key] += 1
        self.kept += 1
        self._write_step(clk, now)
        cells[STEPS_SEEN], cells[KEPT] = self.number, self.kept
        cells[LAST_STEP] = cells[LAST_SIGN] = now
        recorder.flush_if_due(now)
        return True

    def _write_step(self, clk: PhaseClock, now: int) -> int:
        """Write the row of a step that ends now; return its block."""
        self.number += 1
        block = self.block
        if block == LIGHT:
            state = page.cells[STACKS_STATE]
            block = STACKS if state == 2 or (state == 4 and page.get("want_stacks")) else LIGHT
        clk.write(STEP, clk.thread, now, 0, self.number, block, self.samples, self.tokens)
        self.samples = self.tokens = 0
        self.last_end = now
        return block

    def _first_sign(self) -> None:
        self.began = time.monotonic_ns()
        page.set("first_step_ns", self.began)
        page.set("asked", self.asked)

    def _skip_uncounted(self, clk: PhaseClock) -> None:
        """Leave out the time of another optimizer's steps, which counted only once it proved to carry on."""
        clk.edge()
        self.number += self.finder.heirs_steps
        self.dropped += self.finder.heirs_steps
        self.finder.heirs_steps = 0
        self.last_end = clk.skip()
        recorder.rows.append((RESUME, clk.thread, self.last_end, 0, 0, 0, 0, 0))

    def _rule_changed(self) -> None:
        recorder.note("rule", rule=self.finder.describe(), t=time.monotonic_ns(), step=self.number)
        if self.block != WARMUP:
            recorder.note("note", text="A better mark of a step appeared; the window began anew.")
            blocks.abandon()
            self.growth.abandon()
            page.set("cprofile_on", 0)
            self.kept, self.block, self.durations, self.shaped, self.growth = 0, WARMUP, [], 0, Growth()
            self.reads_all_marks, self.quick_key, self.quick_until, clock().brief = True, None, 0, False
            recorder.note("window", t=time.monotonic_ns(), restart=True)

    def _step_ended(self, clk: PhaseClock) -> None:
        if 0 < page.get("hold_at") <= self.number + 1:
            blocks.wait_for_the_device()
        now = clk.edge()
        if not self.began:
            self._first_sign()
        if self.last_end:
            self.durations.append(now - self.last_end)
        self._count(self._write_step(clk, now))
        paused = self._advance(now)
        if now - self.shown_at > SHOW_NS or self.block == DONE:
            self.show()
        recorder.flush_if_due(now)
        compiles.look()
        if 0 < page.get("hold_at") <= self.number and self.block != DONE:
            paused = self._hold()
        if paused:
            resumed = clk.skip()
            self.last_end = resumed
            recorder.rows.append((RESUME, clk.thread, resumed, 0, 0, 0, 0, 0))
        if self.block == DONE or 0 < page.get("stop") <= self.number:
            self._stop()

    def _hold(self) -> bool:
        """Stop this process at the end of a step: another one has its turn (see collect/lockstep.py)."""
        self.show()
        recorder.flush()
        page.set("held_at", self.number)
        os.kill(os.getpid(), signal.SIGSTOP)
        return True

    def _count(self, block: int) -> None:
        if block == WARMUP:
            self.warm_steps += 1
        elif block in (DROPPED, SHAPES, GROWTH):
            self.dropped += 1
        elif block != DONE:
            self.kept += 1

    def show(self) -> None:
        """Tell the parent where this process stands."""
        self.shown_at = now = self.last_end
        cells = page.set
        if self.parent and not is_there(self.parent):
            cells("stop", 1)  # nobody is left to read what would be measured, or to end what was begun
        if self.finder.rule == "none":  # too few marks to be sure, but not nothing
            self.warm_steps = self.finder.passed()
            cells("steps_seen", self.warm_steps)
            cells("warmup_steps", self.warm_steps)
            return
        cells("last_step_ns", now)
        cells("last_sign_ns", now)
        cells("steps_seen", self.number)
        cells("kept", self.kept)
        cells("warmup_steps", self.warm_steps)
        if self.totals_at_window is not None and self.block == LIGHT:
            totals = clock().totals
            cells("loader_ns", totals[1] - self.totals_at_window[0])
            cells("compute_ns", totals[2] + totals[3] - self.totals_at_window[1])
            cells("clean_ns", now - self.totals_at_window[2])

    def _advance(self, now: int) -> bool:
        """Move to the next block where it is time; return True where that took a pause."""
        if self.block == WARMUP:
            return self._advance_warmup(now)
        light, torch_steps, cprofile_steps = self.plan
        if self.block == LIGHT:
            tail = light - max(1, int(light * PLAIN_TAIL))
            if self.kept >= tail:
                page.set("want_stacks", 0)
                self.growth.read_level(1)
            self.quick_until = tail if self.kept < tail else light
            if self.kept < light:
                return False
            return self._begin_heavy(TORCH if torch_steps else CPROFILE)
        if self.block == TORCH and self.kept >= light + torch_steps:
            blocks.end_torch()
            return self._begin_heavy(CPROFILE)
        if self.block == CPROFILE and self.kept >= light + torch_steps + cprofile_steps:
            return self._begin_heavy(SHAPES)
        if self.block == SHAPES:
            self.shaped += 1
            return self.shaped >= plan.shaped_steps(self.plan) and self._begin_growth()
        return self.block == GROWTH and self.growth.step_ended() and self._finish()

    def _begin_heavy(self, block: int) -> bool:
        """Start the block, or the one after it where this one has no steps."""
        blocks.end_light(self.kept, self.growth, is_deep="cprofile" in self.collectors)
        page.set("want_stacks", 0)
        if block == TORCH:
            blocks.begin_torch()
        elif block == CPROFILE and self.plan[2]:
            blocks.begin_cprofile()
            page.set("cprofile_on", 1)
        else:
            return self._begin_shapes()
        self._set_block(block)
        return True

    def _begin_shapes(self) -> bool:
        """Begin the steps whose operators are recorded with their shapes, or end the window without."""
        blocks.end_cprofile()
        page.set("cprofile_on", 0)
        if not plan.shaped_steps(self.plan):
            return self._begin_growth()
        blocks.begin_shapes()
        self._set_block(SHAPES)
        return True

    def _begin_growth(self) -> bool:
        """Begin the steps whose allocations are traced, where memory grew; of several ranks, on none."""
        blocks.end_shapes()
        alone = self.ranks is not None and not self.ranks.several
        if not (alone and "cprofile" in self.collectors and self.growth.begin()):
            return self._finish()
        self._set_block(GROWTH)
        return True

    def _finish(self) -> bool:
        page.set("window_end_ns", self.last_end)
        self._set_block(DONE)
        return True

    def _set_block(self, block: int) -> None:
        self.block, self.quick_until = block, 0
        page.set("block", block)

    def _advance_warmup(self, now: int) -> bool:
        if self.finder.settled and not self.settled_at:
            self.settled_at = now
            page.set("rule_settled", 1)
            if self.stacks == "in-process":
                page.set("stacks_state", 4)
        if page.get("stacks_state") == 4:
            stacks.sample_here()
        if not self.profiler_warm and self.number >= 2:
            self.profiler_warm = True
            blocks.warm_torch()
            return True
        if not self._is_warm(now):
            return False
        self.finder.frozen = True
        clk = clock()
        if self.finder.rule == "optimizer":
            self.reads_all_marks = False
            self.quick_key = self.finder.primary if len(self.finder.fires) == 1 else None
            # Of several ranks it must be known whether backward was blocked: it waits for the others there.
            clk.brief = self.ranks is not None and not self.ranks.several
        mapped.write_mapped(clk)
        self.plan = self.agreed_plan or plan.make(self.asked, self.durations, self.collectors)
        self.totals_at_window = (clk.totals[1], clk.totals[2] + clk.totals[3], now)
        page.set("window_start_ns", now)
        page.set("want_stacks", 1)
        page.set("training_tid", clk.thread)
        recorder.know_all_threads()
        recorder.note("window", t=now, plan=list(self.plan), rule=self.finder.describe(), thread=clk.thread)
        if "cprofile" in self.collectors:
            instructions.begin()
        self.growth.read_level(0)
        self._set_block(LIGHT)
        return False

    def _is_warm(self, now: int) -> bool:
        if not self.finder.settled:
            return False
        if self.ranks is None:
            self.ranks = ranks.join()
        if not self.ranks.several:
            return self._is_settled_in(now)
        if self.ranks.leads and not page.get("start_at") and self._is_settled_in(now):
            self.ranks.announce(self.number, plan.make(self.asked, self.durations, self.collectors))
        found = self.ranks.agreed()
        if found is None:
            return False
        start_at, self.agreed_plan = found
        return self.number >= start_at

    def _is_settled_in(self, now: int) -> bool:
        """Return whether this process alone would begin its window now."""
        if page.get("stacks_state") == 1 and now - self.settled_at < ATTACH_NS_MAX:
            return False
        if self.warmup != "auto":
            return self.number >= int(self.warmup)
        if self.number >= WARMUP_STEPS_MAX or now - self.began > WARMUP_NS_MAX:
            return True
        if self.number <= self.prefetched + 1:
            return False
        return plan.is_steady(self.durations)

    def _stop(self) -> None:
        """Raise StopTraining; end the process when it is swallowed again and again."""
        if self.block != DONE:
            blocks.abandon()
            self.growth.abandon()
            page.set("window_end_ns", self.last_end)
            self._set_block(DONE)
        self.show()
        if not self.stops:
            recorder.know_all_threads()
            device_calls.write()
            recorder.note("stopped", t=time.monotonic_ns(), rule=self.finder.describe(), kept=self.kept)
            facts.note_modules()
        recorder.flush()
        if self.run_to_end and not page.get("stop"):
            self.off = True
            return
        self.stops += 1
        if self.stops > SWALLOWED_STOPS_MAX:
            recorder.note("note", text="The script swallowed the stop three times; its process was ended.")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        raise StopTraining


controller: Controller | None = None


def begin(options: dict[str, Any]) -> Controller:
    """Make this process's controller."""
    global controller
    controller = Controller(options)
    return controller


def forget() -> None:
    """Drop the controller in a forked process: it doesn't train."""
    global controller
    controller = None
