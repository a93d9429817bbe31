"""Profile a script: collect, analyse, write the reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import throughput
from throughput.collect.options import ProfileOptions
from throughput.collect.profile import Listener, collect
from throughput.collect.run_directory import RunDirectory, write_whole
from throughput.errors import EXIT_DONE, EXIT_INTERRUPTED, ScriptFailed, explain_no_room, no_room
from throughput.flows.analyse import analyse
from throughput.flows.budget import Price, budget_of, money_of
from throughput.model.report import Analysis
from throughput.model.run import Run
from throughput.render.html import report_html
from throughput.render.json_report import report_to_json
from throughput.render.markdown import report_markdown

FILES = ("report.json", "report.md", "report.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """A finished profile."""

    directory: RunDirectory
    run: Run
    analysis: Analysis
    files: tuple[str, ...]


def profile(
    options: ProfileOptions, listener: Listener, *, budget_s: float | None = None, price: Price | None = None
) -> Profiled:
    """Run the script under all collectors and write `report.{json,md,html}`; nothing measured is lost.

    A time budget and a price of an hour, where they are given, become a part of the report.

    Raises:
        UsageError: there is nothing to run, or nowhere to write.
        ThroughputError: there is no room left to write.
    """
    try:
        directory, run = collect(options, listener, throughput.__version__)
        analysis = analyse(directory)
        # What the training process said of the collectors is known only now.
        directory.write_run(replace(run, collectors=analysis.report.run.collectors))
        report, facts = analysis.report, analysis.facts
        budget = None if budget_s is None else budget_of(report, facts, budget_s)
        money = None if price is None else money_of(report, facts, price)
        analysis = replace(analysis, report=replace(report, budget=budget, money=money))
        written = write_reports(directory, analysis, FILES)
    except OSError as error:
        if no_room(error):
            raise explain_no_room(error, "what was written so far is kept") from error
        raise
    return Profiled(directory=directory, run=run, analysis=analysis, files=written)


def write_reports(directory: RunDirectory, analysis: Analysis, names: Sequence[str]) -> tuple[str, ...]:
    """Write the reports into the run directory; return their paths."""
    makers = {
        "report.json": lambda: report_to_json(analysis.report),
        "report.md": lambda: report_markdown(analysis.report).encode(),
        "report.html": lambda: report_html(analysis).encode(),
    }
    written = []
    for name in names:
        path = Path(directory.path) / name
        write_whole(path, makers[name]())
        written.append(str(path))
    return tuple(written)


def exit_code(run: Run) -> int:
    """Return the exit code that a run's end asks for."""
    if run.ended == "interrupted":
        return EXIT_INTERRUPTED
    if run.ended in ("crashed", "never_stepped", "stalled"):
        return ScriptFailed.exit_code
    return EXIT_DONE
