"""Print a report on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from throughput.model.report import Analysis
from throughput.render.terminal import print_report


def print_analysis(analysis: Analysis, files: Sequence[str], *, to_stderr: bool = False) -> None:
    """Print the one-screen report."""
    print_report(analysis.report, Console(stderr=to_stderr, highlight=False), files=files)
