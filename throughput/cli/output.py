"""Print a report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from throughput.model.report import Analysis
from throughput.render.against import Against
from throughput.render.terminal import print_report


def print_analysis(
    analysis: Analysis, files: Sequence[str], *, to_stderr: bool = False, against: Against | None = None
) -> None:
    """Print the one-screen report."""
    console = Console(stderr=to_stderr, highlight=False)
    print_report(analysis.report, console, files=files, against=against)
