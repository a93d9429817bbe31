"""Agree with the other ranks on the steps of the window: all must stop at the same one.

Rank 0 decides when its warm-up is over and announces, in its page, the step at which all begin, and the plan.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from . import live
from .recorder import recorder

AHEAD = 3
"""Steps between the announcement and the beginning: ranks are within one step of each other."""
ALONE_STEPS = 20
"""Where rank 0's page can't be seen (another node), every rank begins at this step."""


class Ranks:
    """This process among its ranks."""

    def __init__(self, rank: int, size: int) -> None:
        self.several = size > 1
        self.leads = rank == 0
        self._page: Any = None
        self._steps = 0

    def announce(self, number: int, plan: tuple[int, int, int]) -> None:
        """Tell the other ranks when to begin."""
        for name, steps in zip(("plan_light", "plan_torch", "plan_cprofile"), plan):
            live.page.set(name, steps)
        live.page.set("start_at", number + AHEAD)

    def agreed(self) -> tuple[int, tuple[int, int, int]] | None:
        """Return the step at which to begin, and the plan; None while rank 0 has not decided."""
        page = live.page if self.leads else self._leaders_page()
        if page is None:
            asked = live.page.get("asked")
            each = min(asked // 8, 20)
            return ALONE_STEPS, (asked - 2 * each, each, each)
        start_at = page.get("start_at")
        if not start_at:
            return None
        return start_at, (page.get("plan_light"), page.get("plan_torch"), page.get("plan_cprofile"))

    def _leaders_page(self) -> Any:
        """Return rank 0's page, or None where this machine doesn't have it."""
        if self._page is None:
            folder = os.path.join(os.environ.get("THROUGHPUT_RAW", ""), "rank-0000")
            if os.path.exists(os.path.join(folder, "live")):
                self._page = live.Page()
                self._page.open(folder)
        return self._page


def join() -> Ranks:
    """Return this process among its ranks, as torch.distributed tells, and note it."""
    distributed = sys.modules.get("torch.distributed")
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            rank, size = distributed.get_rank(), distributed.get_world_size()
            recorder.note("distributed", world_size=size, rank=rank, backend=str(distributed.get_backend()))
            return Ranks(rank, size)
    except Exception as error:
        recorder.note("note", text=f"process group not read: {error!r}")
    return Ranks(0, 1)
