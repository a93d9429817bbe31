"""Run `analyze`: traces that exist to a run directory, the report at the end."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence

from throughput.cli.output import print_analysis
from throughput.cli.profile import Output
from throughput.flows.trace_engines import Engine
from throughput.flows.trace_run import analyze
from throughput.model.place import legible
from throughput.render.json_report import report_to_json
from throughput.render.labels import plain


def run_analyze(traces: Sequence[str], out: str | None, engine: Engine, output: Output) -> int:
    """Analyse, print, open; return the exit code."""
    tells = sys.stderr.isatty() and not output.quiet
    done = analyze(traces, out, _tell if tells else _keep_quiet, engine)
    if output.as_json:
        sys.stdout.buffer.write(report_to_json(done.analysis.report))
        sys.stdout.buffer.flush()
    if not output.quiet:
        shown = [legible(os.path.relpath(path)) for path in reversed(done.files)]
        print_analysis(done.analysis, shown, to_stderr=output.as_json)
    if output.open_page:
        webbrowser.open((done.directory.path / "report.html").as_uri())
    return 0


def _tell(text: str) -> None:
    sys.stderr.write(f"{plain(text)}\n")


def _keep_quiet(_text: str) -> None:
    pass
