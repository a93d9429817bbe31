"""What fits into a span of time, by the ledger of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.attribute.test_ledger import a_run
from tests.unit.render import builders as b
from throughput.attribute.attribution import attribute
from throughput.errors import UsageError
from throughput.flows.analyse import build_report
from throughput.flows.budget import Price, budget_of, money_of, price_of, seconds_of
from throughput.model.finding import Facts
from throughput.model.report import Report
from throughput.render import view


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30 m", 1800), ("1.5h", 5400), ("2d", 172_800)])
def test_a_span_of_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "12", "0h", "h", "-1h", "1e3s"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(UsageError):
        seconds_of(text)


def test_what_is_paid_once_and_what_comes_back() -> None:
    run, timeline = a_run()
    facts = Facts(run=run, timeline=timeline, attribution=attribute(timeline, {}))
    report = build_report(run, (facts,))
    assert report.ledger is not None
    found = budget_of(report, (facts,), 100.0)
    assert found is not None
    # Once: 50 interpreter, 200 imports, 100 data set, 100 workers, 60 first batch, 200 shutdown, 420 rest,
    # and what the warm-up's 150 ms are over a step of 87.5; for each of 5 steps 50 / 5 ms of evaluation
    # and save.
    once_s = 1.130 + 0.0625
    assert found.once_s == pytest.approx(once_s)
    steps = (100 - once_s) / (0.0875 + 0.010)
    assert found.steps_now == pytest.approx(steps)
    assert found.recurring_s == pytest.approx(steps * 0.010)
    assert found.samples_now == pytest.approx(steps * 8)
    assert found.epochs_now is None


def test_the_first_fix_makes_steps_faster_not_what_comes_between() -> None:
    run, timeline = a_run()
    facts = Facts(run=run, timeline=timeline, attribution=attribute(timeline, {}))
    report = replace(build_report(run, (facts,)), findings=(b.finding(1),))
    found = budget_of(report, (facts,), 100.0)
    assert found is not None
    assert found.steps_after == pytest.approx((100 - 1.1925) / (0.0875 / 1.45 + 0.010))


def test_without_a_ledger_the_clean_steps_as_they_are() -> None:
    found = budget_of(b.report(), (), 102.1)
    assert found is not None
    assert found.steps_now == pytest.approx(100 * 6.25)
    assert (found.once_s, found.recurring_s) == (None, None)
    assert budget_of(replace(b.report(), throughput=None), (), 10.0) is None


def test_less_time_than_the_start_takes() -> None:
    found = budget_of(b.report(), (), 1.0)
    assert found is not None
    assert found.steps_now == 0


@pytest.mark.parametrize(
    ("text", "per_hour", "currency"),
    [("2.49/h", 2.49, ""), ("$2.49/h", 2.49, "$"), ("2.49 EUR / h", 2.49, "EUR"), ("€3", 3.0, "€")],
)
def test_a_price(text: str, per_hour: float, currency: str) -> None:
    assert price_of(text) == Price(per_hour=per_hour, currency=currency)


@pytest.mark.parametrize("text", ["", "free", "0/h", "-2/h", "2.49/d", "1e9", "nan/h"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(UsageError):
        price_of(text)


def told(report: Report, facts: tuple[Facts, ...]) -> str:
    money = money_of(report, facts, Price(per_hour=36.0, currency="$"))
    return view.money(replace(report, money=money)).replace("\xa0", " ")


def test_money_goes_by_the_clean_steps_and_what_comes_between() -> None:
    run, timeline = a_run()
    facts = Facts(run=run, timeline=timeline, attribution=attribute(timeline, {}))
    report = build_report(run, (facts,))
    money = money_of(report, (facts,), Price(per_hour=36.0, currency="$"))
    assert money is not None
    assert (money.steps, money.is_epoch) == (1000, False)
    assert money.amount == pytest.approx(0.01 * 1000 * (0.0875 + 0.010))  # a cent a second
    assert sum(part.amount for part in money.categories) == pytest.approx(0.01 * 1000 * 0.0875)
    assert told(report, (facts,)).startswith("$0.975 for 1,000 steps at $36.00 an hour: ")


def test_without_steps_nothing_is_priced() -> None:
    silent = replace(b.report(), throughput=None)
    assert money_of(silent, (), price_of("3/h")) is None
    assert view.money(silent) == ""
