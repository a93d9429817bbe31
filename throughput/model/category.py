"""Say which categories step time is split into, and how much a category's figure is worth."""

from __future__ import annotations

from enum import Enum


class Category(str, Enum):
    """Where a nanosecond of a step went; exactly one category each."""

    DATA_LOADING = "data_loading"
    HOST_TO_DEVICE = "host_to_device"
    COMPUTE = "compute"
    LOCK_CONTENTION = "lock_contention"
    COMMUNICATION = "communication"
    OTHER_MEMORY = "other_memory"
    SYNCHRONIZATION = "synchronization"
    HOST_WORK = "host_work"
    LOGGING_CHECKPOINT = "logging_checkpoint"
    CPU_STARVED = "cpu_starved"
    IDLE = "idle"
    UNATTRIBUTED = "unattributed"


CATEGORIES: tuple[Category, ...] = tuple(Category)
"""All categories, in the order in which reports list them."""


class State(str, Enum):
    """How much a figure is worth."""

    MEASURED = "measured"
    PARTIAL = "partial"
    NOT_MEASURED = "not_measured"
    NOT_APPLICABLE = "not_applicable"


class Source(str, Enum):
    """What a category's figure comes from."""

    TIMER = "timer"
    LOCK = "lock"
    STACKS = "stacks"
    OPERATORS = "operators"
    DEVICE = "device"
    SCHEDSTAT = "schedstat"
    NONE = "none"


class Phase(int, Enum):
    """What a light timer saw the training thread inside; `REST` is everything else."""

    REST = 0
    LOADER = 1
    BACKWARD = 2
    OPTIMIZER = 3
    COPY = 4
    PIN = 5
    SYNC = 6
    COLLECTIVE = 7
    SAVE = 8
    PRINT = 9


class Block(str, Enum):
    """Which part of the run a step belongs to, by what was switched on."""

    WARMUP = "warmup"
    DROPPED = "dropped"
    LIGHT = "light"
    STACKS = "stacks"
    DISTURBED = "disturbed"
    """Light steps from which the stack sampler took CPU time: they give stacks, not times."""
    TORCH = "torch"
    CPROFILE = "cprofile"
    TRACE = "trace"
    """Steps of a trace that somebody's own profiler wrote: all that there is, so their times are quoted."""

    @property
    def is_clean(self) -> bool:
        """True where step time may be quoted: light timers, with or without py-spy, or a trace."""
        return self in (Block.LIGHT, Block.STACKS, Block.TRACE)

    @property
    def is_light(self) -> bool:
        """True where nothing but light timers and the stack sampler was on: stacks are read from there."""
        return self.is_clean or self is Block.DISTURBED
