"""Describe a moment at which nothing moves: what each thread was seen in, and who waits for whom."""

from __future__ import annotations

from dataclasses import dataclass, field

from throughput.model.timeline import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenThread:
    """A thread at that moment; `doing` is one of `model.timeline.KINDS`, "" unknown."""

    pid: int
    tid: int
    native_id: int
    name: str
    frames: tuple[Frame, ...] = ()
    """Outermost first; empty where its stack could not be read."""
    doing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The threads of some processes at one moment."""

    step: int | None = None
    """The step under way; None before the first."""
    pid: int = 0
    """The process that was started, or asked about."""
    pids: tuple[int, ...] = ()
    """All that were there."""
    threads: tuple[SeenThread, ...] = ()
    refused: dict[int, str] = field(default_factory=dict)
    """Process -> why its stacks could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitedFor:
    """A thread that others wait for; `lock` is what it holds against them."""

    process: str
    thread: str
    file: str
    line: int
    function: str
    lock: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Why nothing moves, in a sentence, and the chain of those who are waited for."""

    step: int | None
    sentence: str
    waits_for: tuple[WaitedFor, ...] = ()
