"""Run a saved window again: the same command, steps and collectors, from the same folder."""

from __future__ import annotations

from dataclasses import fields

from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory
from throughput.errors import UsageError
from throughput.model.run import Run

MASKED = "***"


def options_of(directory: RunDirectory, out: str | None) -> tuple[ProfileOptions, Run]:
    """Return the options under which a run was made, and the run.

    Raises:
        UsageError: no run there, or its command holds a masked secret and can't be repeated.
        DamagedFile: its `run.json` is damaged.
    """
    run = directory.read_run()
    if any(MASKED in part for part in run.command):
        raise UsageError(
            "This run's command holds a masked secret, so it can't be repeated.",
            hint="Run `throughput profile` with the full command.",
        )
    known = {f.name for f in fields(ProfileOptions)}
    stored = {k: v for k, v in run.options.items() if k in known and v is not None}
    for name in ("arguments", "collectors"):
        if name in stored:
            stored[name] = tuple(str(part) for part in stored[name])
    return ProfileOptions(**(stored | {"out": out})), run
