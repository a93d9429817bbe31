"""Turn an Analysis into report.html: one file, no script, no request, readable in light and dark."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from throughput import units
from throughput.model.report import Analysis
from throughput.render import view
from throughput.render.against import Against
from throughput.render.html.about import about, loader_rows, lock_rows, rank_rows
from throughput.render.html.changes import figures_beside, keys_beside, page_changes
from throughput.render.html.charts import charts
from throughput.render.html.lanes import lanes, legend
from throughput.render.html.replays import replay_table
from throughput.render.html.sections import (
    Amounts,
    categories,
    figures,
    keys,
    segments,
    spots,
    tries,
)

STATIC_BYTES = 100_000  # of the page without a profile's payload: a mail preview shows it
ELEMENTS = 1_500  # more of them make an old laptop's page jump
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

AMOUNTS = (
    Amounts(hotspots=12, sources=8, findings=12, charts=12, notes=20, text=600),
    Amounts(hotspots=10, sources=5, findings=10, charts=9, notes=12, text=400),
    Amounts(hotspots=8, sources=3, findings=6, charts=6, notes=8, text=200),
    Amounts(hotspots=5, sources=1, findings=3, charts=3, notes=4, text=100),
    Amounts(hotspots=3, sources=0, findings=2, charts=0, notes=2, text=60),
)
"""How much to show: the first that fits the budget."""
TAG = re.compile(r"<[a-zA-Z]")


def report_html(analysis: Analysis, against: Against | None = None) -> str:
    """Return the page; it shows less of a report that would not fit its budgets, and says how much."""
    page = ""
    for amounts in AMOUNTS:
        page = _page(analysis, amounts, against)
        if len(page.encode()) <= STATIC_BYTES and elements(page) <= ELEMENTS:
            break
    return page


def elements(page: str) -> int:
    """Return how many elements a page of ours has: foreign text holds no "<"."""
    return len(TAG.findall(page))


def _page(analysis: Analysis, amounts: Amounts, against: Against | None) -> str:
    report = analysis.report
    facts = analysis.facts[0] if analysis.facts else None
    device = view.has_device(report.split)
    return _template().render(
        policy=POLICY,
        css=Markup(_asset("report.css")),  # noqa: S704 - our own file
        title=view.plain(report.headline.sentence, 200),
        evidence=[view.relative(line, 400) for line in report.headline.evidence],
        command=view.command(report.run),
        started=units.date_time(view.plain(report.run.started_at, 40)),
        figures=figures_beside(figures(report, device=device), against),
        segments=segments(report.split, device=device),
        keys=keys_beside(keys(report.split, device=device), against, device=device),
        changes=page_changes(against, amounts, device=device),
        categories=categories(report.split, device=device),
        spots=spots(report, amounts, device=device),
        more_spots=max(0, len(report.hotspots) - amounts.hotspots),
        tries=tries(report, amounts, device=device),
        more_tries=max(0, len(report.findings) - amounts.findings),
        no_findings=view.no_findings(report),
        lanes=lanes(facts) if facts else (),
        legend=legend(device=device),
        loader=loader_rows(report.loader),
        replay=replay_table(report.replay),
        locks=lock_rows(report.locks, amounts),
        no_locks="Locks were not measured."
        if report.locks is None
        else "No thread was seen to wait for a lock.",
        ranks=rank_rows(report.ranks, device=device),
        has_facts=facts is not None,
        charts=charts(facts.timeline, amounts.charts) if facts else (),
        about=about(report, amounts),
        notes=[view.plain(note, amounts.text) for note in view.notes(report)[: amounts.notes]],
        more_notes=max(0, len(view.notes(report)) - amounts.notes),
    )


@cache
def _template() -> Template:
    # Foreign text is only ever a value, never part of the template, so "{{" in a name stays text.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_asset("report.html.j2"))


@cache
def _asset(name: str) -> str:
    return files("throughput.render").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
