"""Quantities as text: digits follow the interval, and what is not zero is never shown as zero."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput import units

N = units.NBSP


@pytest.mark.parametrize(
    ("share", "half", "text"),
    [
        (None, None, "not measured"),
        (0.0, None, f"0{N}%"),
        (0.0, 0.05, f"0{N}%"),
        (0.0004, None, f"<0.1{N}%"),
        (0.002, 0.03, f"<1{N}%"),
        (0.006, 0.03, f"1{N}%"),
        (0.5934, 0.012, f"59{N}%"),
        (0.5934, 0.005, f"59.3{N}%"),
        (0.5934, 0.0005, f"59.34{N}%"),
        (0.0999, None, f"10{N}%"),
        (0.034, None, f"3.4{N}%"),
        (1.0, None, f"100{N}%"),
    ],
)
def test_percent(share: float | None, half: float | None, text: str) -> None:
    assert units.percent(share, half) == text


@pytest.mark.parametrize(
    ("ns", "half", "text"),
    [
        (None, None, "not measured"),
        (0, None, f"0{N}ms"),
        (850, None, f"850{N}ns"),
        (12_300, None, f"12.3{N}µs"),
        (999_700, None, f"1.00{N}ms"),
        (160e6, 3e6, f"160{N}ms"),
        (160e6, 0.3e6, f"160.0{N}ms"),
        (2.5e9, None, f"2.50{N}s"),
        (650e9, None, f"11{N}min"),
        (43_200e9, None, f"12.0{N}h"),
    ],
)
def test_duration(ns: float | None, half: float | None, text: str) -> None:
    assert units.duration(ns, half) == text


def test_uncertainty_is_in_the_unit_of_its_value() -> None:
    assert units.plus_minus_duration(160e6, 3e6) == f"±{N}3"
    assert units.plus_minus_duration(4e6, 800e3) == f"±{N}0.8"
    assert units.plus_minus_duration(160e6, 0) == f"±{N}0.01"
    assert units.plus_minus(0.58, 0.60) == f"±{N}1"
    assert units.plus_minus(0.5999, 0.6) == f"±{N}0.1"
    assert units.plus_minus(None, 0.6) == ""


def test_ranges() -> None:
    assert units.duration_range(0.4e6, 5.1e6) == f"0 to 5{N}ms"
    assert units.duration_range(0.4e6, 1.1e6) == f"0.4 to 1.1{N}ms"
    assert units.duration_range(5, 90) == f"5 to 90{N}ns"
    assert units.rate_range(6.13, 6.37) == "6.1 to 6.4"
    assert units.rate_range(0.00131, 0.00135) == "0.00131 to 0.00135"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "bytes", "not measured"),
        (12e9, "bytes", f"12.0{N}GB"),
        (217e6, "bytes_per_s", f"217{N}MB/s"),
        (0.27, "share", f"27{N}%"),
        (12, "count", "12"),
        (61, "celsius", f"61.0{N}°C"),
        (230, "watt", f"230{N}W"),
        (3.5, "per_s", "3.50/s"),
        (2e6, "ns", f"2.00{N}ms"),
        (3.5, "furlong", f"3.50{N}furlong"),
    ],
)
def test_quantity(value: float | None, unit: str, text: str) -> None:
    assert units.quantity(value, unit) == text


def test_rates_counts_and_sizes() -> None:
    assert units.rate(6.25, "steps") == f"6.25{N}steps/s"
    assert units.rate(0.0034, "steps") == f"0.0034{N}steps/s"
    assert units.rate(None, "steps") == "not measured"
    assert units.count(1200) == "1,200"
    assert units.count(2.5) == "2.50"
    assert units.ratio(1.8) == "1.80x"
    assert units.ratio(12.3) == "12x"
    assert units.plural(1, "step") == f"1{N}step"
    assert units.plural(1200, "batch") == f"1,200{N}batches"


def test_date_time() -> None:
    assert units.date_time("2026-11-21T19:05:00+00:00") == "21 Nov 2026, 19:05 UTC"
    assert units.date_time("2026-11-21T19:05:00Z") == "21 Nov 2026, 19:05 UTC"
    assert units.date_time("2026-11-21T21:05:00+02:00") == "21 Nov 2026, 19:05 UTC"
    assert units.date_time("yesterday") == "yesterday"


@given(st.floats(1e-9, 1), st.none() | st.floats(0, 0.5))
def test_a_share_that_is_not_zero_never_reads_as_zero(share: float, half: float | None) -> None:
    text = units.percent(share, half).removesuffix(f"{N}%")
    assert text.startswith("<") or float(text) > 0


@given(st.floats(0, 1e16))
def test_a_duration_never_shows_four_digits_before_a_larger_unit(ns: float) -> None:
    text = units.duration(ns)
    assert not any(text.startswith("1,000") and unit in text for unit in ("ns", "µs", "ms"))


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_was_not_measured(value: float | None) -> None:
    units_ = ("bytes", "bytes_per_s", "share", "count", "ns", "per_s", "celsius", "watt", "furlong")
    texts = {units.quantity(value, unit) for unit in units_}
    assert texts | {units.rate(value, "steps"), units.ratio(value)} == {units.NOT_MEASURED}


def test_a_difference_has_its_sign() -> None:
    shown = [units.difference(ns, 1e6).replace("\u00a0", " ") for ns in (38.4e6, -4.8e6, 0, None)]
    assert shown == ["+38 ms", "−5 ms", "0 ms", "not measured"]


PAGE = Path(__file__).parents[2] / "web" / "tests" / "units.json"


@pytest.mark.parametrize("case", json.loads(PAGE.read_text(encoding="utf-8")), ids=str)
def test_the_page_writes_numbers_as_we_do(case: list[Any]) -> None:
    name, arguments, text = case
    assert getattr(units, name)(*arguments) == text
