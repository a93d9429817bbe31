"""Offer what else opens the run: files inside the page where they are small, else how to get them."""

from __future__ import annotations

from dataclasses import dataclass

from throughput.model.report import Analysis
from throughput.render.html.payload import packed
from throughput.render.json_report import report_to_json
from throughput.render.perfetto import perfetto_json
from throughput.render.pstats_file import pstats_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that the page holds, compressed; where it is too large, the command that writes it."""

    key: str
    label: str
    name: str
    kind: str
    """MIME type."""
    data: str
    command: str


def downloads(analysis: Analysis, room: int) -> tuple[Download, ...]:
    """Return report.json, and the trace and the call counts where the run has them.

    Args:
        analysis: the run.
        room: bytes that the page may still grow by; report.json comes first.
    """
    made = [("report", "report.json", "report.json", "application/json", "json")]
    timeline = analysis.facts[0].timeline if analysis.facts else None
    if timeline is not None:
        made.append(("perfetto", "Perfetto trace", "perfetto-trace.json", "application/json", "perfetto"))
        if timeline.calls:
            made.append(("pstats", "pstats", "profile.pstats", "application/octet-stream", "pstats"))
    found = []
    for key, label, name, kind, format_ in made:
        data = packed(_bytes(analysis, format_))
        fits = len(data) <= room or format_ == "json"
        room -= len(data) if fits else 0
        command = "" if fits else f"throughput report {analysis.report.run.run_id} --format {format_}"
        found.append(
            Download(
                key=f"file-{key}",
                label=label,
                name=name,
                kind=kind,
                data=data if fits else "",
                command=command,
            )
        )
    return tuple(found)


def _bytes(analysis: Analysis, format_: str) -> bytes:
    if format_ == "json":
        return report_to_json(analysis.report)
    timeline = analysis.facts[0].timeline
    return perfetto_json(timeline) if format_ == "perfetto" else pstats_bytes(timeline.calls)
