"""Turn an Analysis into report.html: one file, no request, readable in light, dark and without script."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from throughput import units
from throughput.model.finding import Facts
from throughput.model.flame import Flames
from throughput.model.report import Analysis
from throughput.render import changes as change_words
from throughput.render import useful, view
from throughput.render.against import Against
from throughput.render.html.about import about, loader_rows, lock_rows
from throughput.render.html.changes import figures_beside, keys_beside, page_changes
from throughput.render.html.charts import charts
from throughput.render.html.downloads import Download, downloads
from throughput.render.html.flame_tree import NAME_LENGTH
from throughput.render.html.flames import flame_payload
from throughput.render.html.lanes import lanes, legend, straggler_lanes
from throughput.render.html.ranks import rank_table
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
from throughput.render.memory import memory_rows
from throughput.render.regions import region_lines

STATIC_BYTES = 100_000  # of the page without its script and payload: a mail preview shows it
ELEMENTS = 1_500  # more of them make an old laptop's page jump
MODULES = 10  # rows of the table of modules
PAGE_BYTES = ((10_000, 150_000), (100_000, 400_000), (1_000_000, 2_000_000))
"""Samples -> bytes of the whole page up to which files for other tools are put into it."""
POLICY = (
    "default-src 'none'; script-src '{}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

AMOUNTS = (
    Amounts(hotspots=12, sources=8, findings=12, charts=12, notes=20, text=600),
    Amounts(hotspots=10, sources=5, findings=10, charts=9, notes=12, text=400),
    Amounts(hotspots=8, sources=3, findings=6, charts=6, notes=8, text=200),
    Amounts(hotspots=5, sources=1, findings=3, charts=3, notes=4, text=100),
    Amounts(hotspots=2, sources=0, findings=2, charts=0, notes=2, text=60),
)
"""How much to show: the first that fits the budget."""
NO_STACKS = (
    "No stack was sampled in the measured steps, so there is no flame graph; see the collectors below."
)
NO_RAW_FILES = (
    "The raw files of the run were not at hand when this page was made, so there is no flame graph."
)
TAG = re.compile(r"<[a-zA-Z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    """What only the script uses: the payload of the canvases ("" without one), and files to download."""

    payload: str
    downloads: tuple[Download, ...]

    @property
    def length(self) -> int:
        """Characters of both."""
        return len(self.payload) + sum(len(file.data) for file in self.downloads)


def report_html(analysis: Analysis, against: Against | None = None) -> str:
    """Return the page; it shows less of a report that would not fit its budgets, and says how much."""
    script = _script(analysis, against)
    rest = len(_asset("report.js")) + script.length
    page = ""
    for amounts in AMOUNTS:
        page = _page(analysis, amounts, against, script)
        if len(page.encode()) - rest <= STATIC_BYTES and elements(page) <= ELEMENTS:
            break
    return page


def elements(page: str) -> int:
    """Return how many elements a page of ours has: foreign text holds no "<"."""
    return len(TAG.findall(page.replace(_asset("report.js"), "")))


def _script(analysis: Analysis, against: Against | None) -> _Script:
    attribution = analysis.facts[0].attribution if analysis.facts else None
    payload = None
    if attribution is not None:
        payload = flame_payload(
            attribution,
            against.flames if against else None,
            device=view.has_device(analysis.report.split),
            baseline=change_words.baseline_name(against) if against else None,
        )
    samples = max((tab.samples for tab in attribution.flames.tabs), default=0) if attribution else 0
    most = next((size for upto, size in PAGE_BYTES if samples <= upto), PAGE_BYTES[-1][1])
    room = most - STATIC_BYTES - len(_asset("report.js")) - len(payload or "")
    return _Script(payload=payload or "", downloads=downloads(analysis, room))


def _page(analysis: Analysis, amounts: Amounts, against: Against | None, script: _Script) -> str:
    report = analysis.report
    facts = analysis.facts[0] if analysis.facts else None
    device = view.has_device(report.split)
    code = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return _template().render(
        policy=POLICY.format(f"sha256-{digest}"),
        script=Markup(code),  # noqa: S704 - our own file
        payload=script.payload,
        downloads=script.downloads,
        no_flames=NO_STACKS if facts else NO_RAW_FILES,
        flame={
            "note": "Click a frame to zoom in. Strong colours are your code, pale ones are libraries.",
            "has_baseline": bool(against and against.flames),
            "has_steps": bool(facts and facts.attribution.steps),
            "baseline_name": change_words.baseline_name(against) if against else "",
        },
        css=Markup(_asset("report.css")),  # noqa: S704 - our own file
        title=view.plain(report.headline.sentence, 200),
        end=view.end(report),
        evidence=[view.relative(line, 400) for line in report.headline.evidence],
        command=view.command(report.run),
        started=units.date_time(view.plain(report.run.started_at, 40)),
        figures=figures_beside(figures(report, device=device), against),
        segments=segments(report.split, device=device),
        keys=keys_beside(keys(report.split, device=device), against, device=device),
        changes=page_changes(against, amounts, device=device),
        categories=categories(report.split, device=device),
        spots=spots(report, amounts, device=device),
        drawn=_drawn(facts),
        more_spots=max(0, len(report.hotspots) - amounts.hotspots),
        tries=tries(report, amounts, device=device),
        more_tries=max(0, len(report.findings) - amounts.findings),
        no_findings=view.no_findings(report),
        of_rank=facts.timeline.rank if facts and len(report.ranks) > 1 else None,
        lanes=lanes(facts) if facts else (),
        legend=legend(device=device),
        loader=loader_rows(report.loader),
        replay=replay_table(report.replay),
        locks=lock_rows(report.locks, amounts),
        no_locks="Locks were not measured."
        if report.locks is None
        else "No thread was seen to wait for a lock.",
        ranks=rank_table(report, analysis.facts, device=device),
        straggler=straggler_lanes(analysis.facts, report.stragglers),
        ledger=view.ledger_lines(report),
        ledger_sentence=view.ledger_sentence(report),
        work=useful.work(report.throughput),
        memory=memory_rows(report.memory),
        modules=useful.module_lines(report, min(MODULES, amounts.hotspots)),
        regions=region_lines(report, min(MODULES, amounts.hotspots), device=device),
        has_facts=facts is not None,
        charts=charts(facts.timeline, amounts.charts) if facts else (),
        about=about(report, amounts),
        notes=[view.plain(note, amounts.text) for note in view.notes(report)[: amounts.notes]],
        more_notes=max(0, len(view.notes(report)) - amounts.notes),
    )


def _drawn(facts: Facts | None) -> frozenset[str]:
    """Return the functions that the flame graph shows: only what is there can be shown in it."""
    flames = facts.attribution.flames if facts else Flames()
    return frozenset(view.plain(frame.function, NAME_LENGTH) for frame in flames.stacks.frames)


@cache
def _template() -> Template:
    # Foreign text is only ever a value, never part of the template, so "{{" in a name stays text.
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


@cache
def _asset(name: str) -> str:
    return files("throughput.render").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
