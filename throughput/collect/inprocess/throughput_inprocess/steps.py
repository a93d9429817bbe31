"""Find out what a step is: which mark, of those that the script makes, ends one.

1. The optimizer with the fewest outermost `step` calls among those with at least three (ties: the last of the
   cycle); a GradScaler that skipped counts too.  2. A marker named by the user beats everything.
3. No optimizer: loader batches followed by a backward.  4. No loader either: backward calls.
5. No backward: loader batches.

No step ends before a rule is settled; `passed` then says how many had ended by it. A user's marker waits for
nothing, and nothing else counts where there is one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SETTLE_FIRES = 3
"""Marks needed before a rule is believed (house rule: those with at least three)."""
SLOW_OPTIMIZER_FIRES = 25
"""How often the fastest optimizer may fire before slower ones with fewer than three fires are given up."""
MISSED_CYCLES = 3
"""So many cycles of another optimizer without the primary, and it is taken to have ended."""
BACKWARDS_WITHOUT_OPTIMIZER = 8
"""Backward calls without any optimizer step (gradient accumulation rarely takes more before the first)."""
BATCHES_WITHOUT_BACKWARD = 50
"""Loader batches without any backward: longer than the usual sanity evaluation before training."""
RANKS = {"none": 0, "batches": 1, "backward": 2, "batches with backward": 3, "optimizer": 4, "marker": 5}


class StepFinder:
    """Count marks and say which of them end steps; `mark` returns True when a step has ended."""

    def __init__(self, marker: str | None = None) -> None:
        self.rule = "none"
        self.asked_for = marker
        self.primary: Any = None
        self.heirs_steps = 0
        self.markers = 0
        self.since_primary: dict[Any, int] = {}
        self.fires: dict[Any, int] = {}
        self.order: list[Any] = []
        self.names: dict[Any, str] = {}
        self.backwards = 0
        self.batches = 0
        self.between_epochs = True
        self.backward_since_batch = False
        self.batches_with_backward = 0
        self.settled = False
        self.frozen = False
        self.detail = ""

    def mark(self, kind: str, key: Any = None, name: str = "") -> bool:
        """Take one mark; return True where it ends a step by the rule in force."""
        if self.asked_for and kind != "marker":
            return False
        ended: bool = getattr(self, "_" + kind)(key, name)
        return ended

    def passed(self) -> int:
        """Return how many steps have ended by the rule in force; before that, the most that there can be."""
        counts = {
            "marker": self.markers,
            "optimizer": self.fires.get(self.primary, 0),
            "batches with backward": self.batches_with_backward,
            "backward": self.backwards,
            "batches": self.batches - 1,
        }
        return counts.get(self.rule, max(self.fires.values(), default=self.backwards))

    def _marker(self, key: Any, name: str) -> bool:
        self.markers += 1
        self._adopt("marker", name)
        return True

    def _optimizer(self, key: Any, name: str) -> bool:
        self.fires[key] = self.fires.get(key, 0) + 1
        self.order.append(key)
        self.names[key] = name
        del self.order[:-64]
        # A slow optimizer may show up when the window has begun: early on that is no reason to miss it.
        early = max(self.fires.values()) < SLOW_OPTIMIZER_FIRES
        if early or not (self.frozen and self.rule == "optimizer"):
            self._settle_optimizer()
        if self.rule != "optimizer":
            return False
        if key == self.primary:
            self.since_primary.clear()
            return True
        return self._inherits(key, name)

    def _inherits(self, key: Any, name: str) -> bool:
        """Make an optimizer primary that steps on where the primary has stopped (one for each epoch)."""
        since = self.since_primary[key] = self.since_primary.get(key, 0) + 1
        usual = self.fires[key] / max(self.fires.get(self.primary, 0), 1)
        if since >= max(SLOW_OPTIMIZER_FIRES, MISSED_CYCLES * usual):
            self.primary, self.heirs_steps = key, since
            self._adopt("optimizer", name)
            self.since_primary.clear()
        return False

    def _settle_optimizer(self) -> None:
        most = max(self.fires.values())
        ready = {key: count for key, count in self.fires.items() if count >= SETTLE_FIRES}
        if not ready:
            return
        if len(ready) < len(self.fires) and most < SLOW_OPTIMIZER_FIRES:
            self.settled = False  # a slower optimizer has shown up: wait for its third step
            return
        fewest = min(ready.values())
        # Two counts of the same cycle differ by one at most while the cycle is under way.
        candidates = [key for key, count in ready.items() if count <= fewest + 1]
        last_seen = {key: position for position, key in enumerate(self.order)}
        slowest = [key for key in candidates if ready[key] == fewest] or candidates
        if len(candidates) > 1 and len({ready[key] for key in candidates}) > 1:
            return  # in the middle of a cycle: wait for its end
        self.primary = max(slowest, key=lambda key: last_seen.get(key, -1))
        self._adopt("optimizer", self.names[self.primary])

    def _backward(self, key: Any, name: str) -> bool:
        self.backwards += 1
        self.backward_since_batch = True
        if self.fires:
            return False
        if self.rule == "batches with backward":
            return False
        if self.backwards >= BACKWARDS_WITHOUT_OPTIMIZER and RANKS[self.rule] < RANKS["backward"]:
            enough = (
                self.batches_with_backward >= self.backwards // 2
                and self.batches_with_backward >= SETTLE_FIRES
            )
            self._adopt("batches with backward" if enough else "backward", "")
        return self.rule == "backward"

    def _batch(self, key: Any, name: str) -> bool:
        """Take the beginning of a loader's `next`: it ends the step that the batch before it began."""
        self.batches += 1
        first, self.between_epochs = self.between_epochs, False
        followed = self.backward_since_batch
        self.backward_since_batch = False
        self.batches_with_backward += followed
        if self.rule == "batches with backward":
            return followed
        if (
            self.rule == "none"
            and not self.backwards
            and not self.fires
            and self.batches > BATCHES_WITHOUT_BACKWARD
        ):
            self._adopt("batches", "")
        return self.rule == "batches" and not first

    def _exhausted(self, key: Any, name: str) -> bool:
        """Take back a `next` that found no more batch: it ended a step, and the next one begins none."""
        self.batches -= 1
        self.between_epochs = True
        return False

    def _adopt(self, rule: str, detail: str) -> None:
        if RANKS[rule] >= RANKS[self.rule]:
            self.rule, self.detail, self.settled = rule, detail, True

    def describe(self) -> str:
        """Return the rule in words, for the report."""
        unsure = f"{min(self.names.values())}.step, too few to be sure" if self.names else "no step seen"
        words = {
            "none": unsure,
            "marker": f"calls of {self.detail}",
            "optimizer": f"{self.detail}.step",
            "batches with backward": "loader batches followed by a backward",
            "backward": "backward calls",
            "batches": "loader batches",
        }
        return words[self.rule]
