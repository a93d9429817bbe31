"""Run `rerun`: show a saved run's command, ask, and profile the same window again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from throughput.cli.profile import Output, run_profile
from throughput.collect.run_directory import RunDirectory
from throughput.errors import UsageError
from throughput.flows.rerun import options_of
from throughput.render.labels import plain


def run_rerun(run: str, out: str | None, yes: bool) -> int:
    """Profile again; return the exit code.

    Raises:
        UsageError: no run there, it can't be repeated, or nobody agreed.
    """
    options, saved = options_of(RunDirectory(Path(run).resolve()), out)
    # What will run, not what the run says that it ran: it may be somebody else's.
    print(f"In {plain(str(Path.cwd()))}:\n  {plain(shlex.join(options.command()))}", file=sys.stderr)
    if saved.code.commit:
        print(
            f"Its code was commit {saved.code.commit[:12]}{' with changes' if saved.code.dirty else ''}.",
            file=sys.stderr,
        )
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nobody is here to agree to running this command.", hint="Give --yes.")
        if input("Run it? [y/N] ").strip().lower() not in ("y", "yes"):
            raise UsageError("Not run.", hint="Answer y, or give --yes.")
    return run_profile(options, Output())
