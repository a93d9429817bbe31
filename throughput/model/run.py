"""Describe one profiled execution: what was run, on what, and what could be collected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

RUN_SCHEMA = 1
"""Of `run.json`: raised when a reader of the old form would misread the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorStatus:
    """Whether a collector worked; `overhead_ratio` is profiled over plain step time (1.0 = free)."""

    name: str
    state: str
    """ok, partial (this torch lacks some of what it patches), unavailable, failed or off."""
    reason: str | None = None
    remedy: str | None = None
    overhead_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How many steps were asked for and what became of all that were seen."""

    asked: int
    kept: int = 0
    warmup: int = 0
    dropped: int = 0
    step_rule: str | None = None
    clean: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Which code ran: git commit and dirty diff where there is a repository, and a hash of own files."""

    commit: str | None = None
    dirty: bool | None = None
    diff: str | None = None
    script_sha256: str | None = None
    modules_sha256: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An end of the script that was not ours: what it was, in a sentence, and what shows it.

    `kind`: exception, segfault, signal, out_of_memory, shared_memory_full, device_out_of_memory, terminated,
    killed or exit_code.
    """

    kind: str
    sentence: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One profiled execution, as `run.json` stores it."""

    schema: int = RUN_SCHEMA
    run_id: str
    tool_version: str
    command: tuple[str, ...]
    script: str | None
    """The script as the user typed it, or `-m` module name; None for `--command`."""
    script_dir: str
    """Own code lies under this folder; masked to "." by redaction."""
    cwd: str
    started_at: str
    """UTC, ISO 8601."""
    options: dict[str, Any] = field(default_factory=dict)
    window: Window
    environment: dict[str, Any] = field(default_factory=dict)
    collectors: tuple[CollectorStatus, ...] = ()
    seed: dict[str, Any] = field(default_factory=dict)
    code: Code = field(default_factory=Code)
    script_exit_code: int | None = None
    ended: str = "completed"
    """completed, script_ended, max_seconds, interrupted, crashed, stalled, never_stepped; unfinished while it
    runs, and for good where throughput itself was killed."""
    notes: tuple[str, ...] = ()
    clock: dict[str, Any] = field(default_factory=dict)
    """Anchors: pairs of monotonic and wall clock readings of the run, ns."""
    startup_s: float | None = None
    wall_s: float | None = None
    end: End | None = None
