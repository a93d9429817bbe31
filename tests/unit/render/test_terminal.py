"""The terminal report: one screen, whatever the width, the encoding and the names."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.unit.render import builders as b
from tests.unit.render.strategies import reports
from throughput.model.category import Category
from throughput.model.report import Report
from throughput.render.bar import Look, cells
from throughput.render.terminal import ROWS, print_report

FILES = ("reports/run/report.html", "reports/run/report.md", "reports/run/raw/x.json", "elsewhere.json")


def printed(made: Report, width: int = 100, *, colour: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        no_color=not colour,
    )
    print_report(made, console, files=FILES)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_it_says_what_matters() -> None:
    text = printed(b.report()).replace("\u00a0", " ")
    for words in (
        "Data loading is the bottleneck: it takes 59 % of each step",
        "1,597 samples/s",
        "6.25 steps/s (6.1 to 6.4)",
        "160 ms ± 3 mean",
        "Data loading 59 % ± 1",
        "Copy to the device: not applicable",
        "numpy.round",
        "called by Elastic.__call__ data/augment.py:48 · in DataLoader workers",
        "Lock self._lock, made at stats.py:12, held at stats.py:40, waited for at train.py:88",
        "0 to 3 ms few samples",
        "at most 1.45x",
        "Round once when the data set is made: images = np.round(images, 3)",
        "gpu: unavailable, no NVIDIA driver. Install one.",
        "reports/run/report.html",
        "report.md, raw/x.json, elsewhere.json",
    ):
        assert words in text


@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_it_fits_one_screen(width: int, encoding: str) -> None:
    rows = printed(b.report(), width, encoding=encoding).splitlines()
    assert len(rows) <= ROWS
    assert max(map(cell_len, rows)) <= width


def test_without_a_figure_it_says_not_measured() -> None:
    text = printed(
        b.report(throughput=None, split=(b.row(Category.IDLE, None),), hotspots=(), findings=(), rules=())
    )
    assert "Throughput not measured" in text
    assert "Split      not measured" in text
    assert "No rules were run." in text
    assert "Hotspots   none" in text


def test_without_colour_the_parts_differ_in_shape() -> None:
    bar = next(line for line in printed(b.report()).splitlines() if line.startswith("███"))
    assert set(bar) == set("█▓╳░")
    ascii_bar = next(
        line for line in printed(b.report(), encoding="ascii").splitlines() if line.startswith("###")
    )
    assert set(ascii_bar) == set("#=%.")


def test_colour_is_used_where_there_is_some() -> None:
    assert "\x1b[38;2;" in printed(b.report(), colour=True)
    assert "\x1b" not in printed(b.report())


@given(reports(), st.sampled_from([40, 80, 100]), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_any_report_fits_and_sends_no_escape_of_its_own(made: Report, width: int, encoding: str) -> None:
    text = printed(made, width, encoding=encoding)
    rows = text.split("\n")
    assert len(rows) - 1 <= ROWS
    assert not [char for char in text if char != "\n" and (ord(char) < 32 or char in "\u202e\x7f\x9b")]
    assert all(cell_len(row) <= width for row in rows)


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(1, 120))
def test_the_bar_never_overflows(shares: list[float], width: int) -> None:
    found = cells(shares, width)
    assert sum(found) <= width
    assert all(number >= 0 for number in found)
    total = max(1.0, sum(shares))
    assert all(abs(n - share / total * width) < 1 for n, share in zip(found, shares, strict=True))


def test_a_whole_split_fills_the_bar() -> None:
    assert sum(cells([0.333, 0.333, 0.334], 100)) == 100


@given(st.text(max_size=200), st.integers(0, 60))
def test_cropped_text_is_never_wider(text: str, width: int) -> None:
    for look in (Look(wide=True, colour=True), Look(wide=False, colour=False)):
        assert cell_len(look.crop(text, width)) <= width
        assert cell_len(look.fit(text, width)) == width
