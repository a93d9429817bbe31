"""The whole run in words: the start-up's line, the table, and what it says where nothing was measured."""

from __future__ import annotations

import pytest

from tests.unit.render import builders as b
from throughput.model.ledger import PARTS, LedgerRow
from throughput.model.report import Analysis, Report
from throughput.render import view
from throughput.render.html import report_html
from throughput.render.ledger import LABELS
from throughput.render.markdown import report_markdown


def row(part: str, seconds: float, name: str = "", count: int = 1) -> LedgerRow:
    """Return a row."""
    return LedgerRow(part=part, name=name, seconds=seconds, count=count)


def a_report(**changes: object) -> Report:
    """Return a report of a run of 100 s, 42 s of it before the first step."""
    rows = (
        row("interpreter", 0.2),
        row("imports", 7.0, "torch"),
        row("imports", 2.0, "pandas"),
        row("data_set", 12.0, "Digits"),
        row("workers", 6.0, count=4),
        row("compile", 14.0, "3 frames", 3),
        row("steps", 50.0, count=200),
        row("rest", 8.8),
    )
    return b.report(**{"ledger": rows, "startup_s": 42.0, "goodput": 0.5, **changes})


def spaced(text: str) -> str:
    """Return text with plain spaces."""
    return text.replace("\u00a0", " ")


def test_the_line_of_the_start_up() -> None:
    assert spaced(view.startup(a_report())) == (
        "42.0 s to the first step: imports 9.00 s, data set 12.0 s, workers 6.00 s, compile 14.0 s; "
        "steps are 50 % of the run"
    )


@pytest.mark.parametrize("missing", [{"ledger": None}, {"startup_s": None}])
def test_without_a_ledger_or_a_step_there_is_no_line(missing: dict[str, None]) -> None:
    assert view.startup(a_report(**missing)) == ""
    assert "Start-up:" not in report_markdown(a_report(**missing))


def test_the_table_names_the_longest() -> None:
    lines = view.ledger_lines(a_report())
    assert [line.label for line in lines][:2] == ["Python's start", "Imports"]
    imports = lines[1]
    assert spaced(imports.detail) == "torch 7.00 s, pandas 2.00 s"
    assert spaced(f"{imports.seconds} {imports.share}") == "9.00 s 9.0 %"
    assert {line.label: line.count for line in lines}["Steps"] == "200"
    assert view.ledger_lines(b.report()) == ()


def test_every_part_has_a_label() -> None:
    assert set(LABELS) == set(PARTS)


def test_the_page_shows_it_and_foreign_names_are_text() -> None:
    hostile = (row("imports", 3.0, b.HOSTILE[0]), row("steps", 1.0))
    page = report_html(Analysis(report=a_report(ledger=hostile)))
    assert "The whole run" in page
    assert b.HOSTILE[0] not in page
    assert "was not measured" in report_html(Analysis(report=b.report()))


def test_markdown_has_the_line() -> None:
    assert "Start-up: 42.0" in report_markdown(a_report())
