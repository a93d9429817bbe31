"""Run `merge`: the runs of several machines to one run directory, the report at the end."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence

from throughput.cli.output import print_analysis
from throughput.cli.profile import Output
from throughput.flows.gather import gather
from throughput.model.place import legible
from throughput.render.json_report import report_to_json


def run_merge(runs: Sequence[str], out: str | None, output: Output) -> None:
    """Gather, print, open."""
    done = gather(runs, out)
    if output.as_json:
        sys.stdout.buffer.write(report_to_json(done.analysis.report))
        sys.stdout.buffer.flush()
    if not output.quiet:
        shown = [legible(os.path.relpath(path)) for path in reversed(done.files)]
        print_analysis(done.analysis, shown, to_stderr=output.as_json)
    if output.open_page:
        webbrowser.open((done.directory.path / "report.html").as_uri())
