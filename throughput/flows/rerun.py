"""Run a saved window again: the same command, steps and collectors, from the same folder."""

from __future__ import annotations

from dataclasses import fields

import msgspec

from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory
from throughput.errors import DamagedFile, UsageError
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
    try:
        return msgspec.convert(stored | {"out": out}, ProfileOptions), run
    except msgspec.ValidationError as error:
        raise DamagedFile(f"The run's options are damaged: {error}.", hint="Profile again.") from None
