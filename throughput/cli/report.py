"""Run `report`: render a saved run again, on the terminal or into a file."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from throughput.cli.output import print_analysis
from throughput.collect.run_directory import RunDirectory
from throughput.errors import UsageError
from throughput.flows.analyse import analyse
from throughput.flows.profile import write_reports
from throughput.flows.render import FORMATS, render_format


def run_report(
    run: str, *, against: str | None, format_: str | None, out: str | None, open_page: bool
) -> None:
    """Render a run.

    Raises:
        UsageError: no run there, an unknown format, or a run to compare with, which nothing does yet.
        DamagedFile: the run can't be read.
    """
    if against is not None:
        raise UsageError("Two runs can't be compared yet.", hint="Open both reports side by side.")
    directory = RunDirectory(Path(run).resolve())
    if format_ is not None and format_ not in FORMATS:
        raise UsageError(f"There is no format {format_}.", hint=f"Choose among {', '.join(FORMATS)}.")
    analysis = analyse(directory)
    if format_ is None:
        files = write_reports(directory, analysis, ("report.html",)) if open_page else ()
        print_analysis(analysis, [os.path.relpath(f) for f in files])
        _open(directory, open_page)
        return
    data, name = render_format(analysis, format_)
    if out == "-":
        sys.stdout.buffer.write(data)
        return
    path = Path(out) if out else directory.path / name
    path.write_bytes(data)
    print(os.path.relpath(path))
    _open(directory, open_page and format_ == "html")


def _open(directory: RunDirectory, wanted: bool) -> None:
    if wanted:
        webbrowser.open((directory.path / "report.html").as_uri())
