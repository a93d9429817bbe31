"""Run `save`, and `profile --save`: profile as often as asked, write the benchmark, say what was written."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from throughput.cli.profile import Output, profile_and_print
from throughput.collect.options import ProfileOptions
from throughput.errors import UsageError
from throughput.flows.profile import exit_code
from throughput.flows.project import project_of
from throughput.flows.save import Saved, save
from throughput.flows.saved import check_name


def run_save(runs: Sequence[str], name: str) -> None:
    """Save runs as a benchmark.

    Raises:
        ThroughputError: no such run, runs that don't belong together, or a folder that can't be written.
    """
    _say(save([Path(run) for run in runs], name, project_of(Path.cwd())))


def run_profiles_and_save(options: ProfileOptions, output: Output, *, name: str | None, runs: int) -> int:
    """Profile fresh processes and save them; return the exit code of the first that failed, else 0.

    Raises:
        UsageError: nothing says under which name, or a name that can't be one.
    """
    if name is None:
        raise UsageError("--runs without --save has nothing to keep the runs in.", hint="Add --save NAME.")
    check_name(name)
    project = project_of(Path.cwd())
    made = []
    for number in range(runs):
        out = options.out if number == 0 or options.out is None else f"{options.out}-{number + 1}"
        shown = output if number == 0 else replace(output, quiet=True, as_json=False, open_page=False)
        if number and not output.quiet:
            sys.stderr.write(f"Run {number + 1} of {runs}\n")
        done = profile_and_print(replace(options, out=out), shown)
        code = exit_code(done.run)
        if code:
            sys.stderr.write(f"throughput: run {number + 1} of {runs} failed, so {name} was not saved.\n")
            return code
        made.append(done.directory.path)
    _say(save(made, name, project), quiet=output.quiet, to_stderr=output.as_json)
    return 0


def _say(saved: Saved, *, quiet: bool = False, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    for note in saved.notes:
        sys.stderr.write(f"throughput: {note}\n")
    if not quiet:
        for file in saved.files:
            print(os.path.relpath(file), file=stream)
