"""Render an analysis in a format that a file is wanted in."""

from __future__ import annotations

from throughput.errors import UsageError
from throughput.model.report import Analysis
from throughput.render.against import Against
from throughput.render.html import report_html
from throughput.render.json_report import report_to_json
from throughput.render.markdown import report_markdown
from throughput.render.perfetto import perfetto_json
from throughput.render.pstats_file import pstats_bytes
from throughput.render.speedscope import speedscope_json

FORMATS = {
    "html": "report.html",
    "md": "report.md",
    "json": "report.json",
    "speedscope": "speedscope.json",
    "perfetto": "perfetto-trace.json",
    "pstats": "profile.pstats",
}
"""Format -> name of its file in the run directory."""


def render_format(analysis: Analysis, format_: str, against: Against | None = None) -> tuple[bytes, str]:
    """Return a report in one format, and its file name; only html and md show a baseline, json the run alone.

    Raises:
        UsageError: the format needs raw files that the run lacks.
    """
    name = FORMATS[format_]
    if format_ == "json":
        return report_to_json(analysis.report), name
    if format_ == "md":
        return report_markdown(analysis.report, against).encode(), name
    if format_ == "html":
        return report_html(analysis, against).encode(), name
    if not analysis.facts:
        raise UsageError(
            "This run has no raw files of a training process.", hint="Profile again for this format."
        )
    timeline = analysis.facts[0].timeline
    if format_ == "speedscope":
        return speedscope_json(timeline), name
    if format_ == "perfetto":
        return perfetto_json(timeline), name
    if not timeline.calls:
        raise UsageError(
            "This run has no cProfile data.", hint="Profile 24 steps or more, with the cprofile collector."
        )
    return pstats_bytes(timeline.calls), name
