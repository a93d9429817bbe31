"""The rule: when it ends, what it says, how often it cries wolf and how often it sleeps, on made-up noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.compare.rule import Decision, Pairs, Settings, Stored, decide, more_needed
from throughput.model.verdict import Outcome

USUAL = Settings()
FIVE = math.log1p(0.05)


def judged(logs: list[float], settings: Settings = USUAL) -> Decision:
    """Replay a check: one value more at a time, as a check adds them, until the rule has an answer."""
    for count in range(1, len(logs) + 1):
        found = decide(Pairs(logs=tuple(logs[:count])), settings)
        if found.outcome is not None:
            return found
    return decide(Pairs(logs=tuple(logs)), settings, last=True)


def test_too_few_values_are_no_verdict() -> None:
    found = decide(Pairs(logs=(0.0, 0.0)), USUAL)
    assert found.outcome is None
    assert found.wanted == 1
    assert decide(Pairs(logs=(0.0, 0.0)), USUAL, last=True).outcome is Outcome.UNSURE
    assert decide(Pairs(logs=()), USUAL, last=True).outcome is Outcome.UNSURE


def test_alike_ends_early_as_not_slower() -> None:
    found = judged([0.001, -0.001, 0.0, 0.5, 0.5])
    assert found.outcome is Outcome.SAME
    assert found.estimate.count == 3


def test_an_alarm_waits_for_fresh_values_that_repeat_it() -> None:
    logs = (0.10, 0.101, 0.099)
    found = decide(Pairs(logs=logs), USUAL)
    assert found.outcome is None
    assert found.confirming
    assert found.wanted == USUAL.confirm
    assert decide(Pairs(logs=(*logs, 0.1, 0.1)), USUAL).outcome is Outcome.SLOWER
    assert decide(Pairs(logs=logs), USUAL, last=True).outcome is Outcome.UNSURE


def test_an_alarm_that_does_not_recur_is_none() -> None:
    # Three processes with an unlucky layout, then fresh ones without.
    logs = [0.10, 0.101, 0.099, 0.0, 0.001, *[0.0] * 12]
    assert judged(logs).outcome in (Outcome.SAME, Outcome.UNSURE)
    found = {decide(Pairs(logs=tuple(logs[:n])), USUAL).outcome for n in range(len(logs))}
    assert Outcome.SLOWER not in found


def test_less_than_the_threshold_is_not_slower_by_it() -> None:
    found = judged([0.02, 0.0201, 0.0199])
    assert found.outcome is Outcome.SAME
    assert found.estimate.low > 0


def test_faster_by_the_same_rule() -> None:
    assert judged([-0.2, -0.201, -0.199, -0.2, -0.2]).outcome is Outcome.FASTER


def test_at_the_limit_it_says_that_it_cannot_tell_and_what_would() -> None:
    logs = [0.2 * (-1) ** n + 0.01 for n in range(12)]
    found = judged(logs)
    assert found.outcome is Outcome.UNSURE
    evidence = Pairs(logs=tuple(logs))
    more = more_needed(evidence, USUAL)
    assert more is None or more > 50
    quiet = Pairs(logs=tuple(0.02 * (-1) ** n + 0.03 for n in range(6)))
    wanted = more_needed(quiet, USUAL)
    assert wanted is not None
    assert 1 <= wanted <= 20


def test_pairs_that_agree_by_luck_know_no_more_than_each_of_them() -> None:
    lucky = Pairs(logs=(0.06, 0.06, 0.06), errors=(0.05, 0.05, 0.05))
    assert lucky.upto(3).half == pytest.approx(2.807 * 0.05 / math.sqrt(3))
    assert decide(lucky, USUAL, last=True).outcome is Outcome.UNSURE


logs_ = st.lists(st.floats(-1, 1), min_size=0, max_size=20)


@given(logs_, st.floats(0.01, 0.3))
def test_a_verdict_always_says_what_its_interval_says(logs: list[float], threshold: float) -> None:
    settings = Settings(threshold=threshold)
    found = decide(Pairs(logs=tuple(logs)), settings, last=True)
    limit = settings.log_threshold
    if found.outcome is Outcome.SLOWER:
        assert found.estimate.low > 0
        assert found.estimate.log_ratio >= limit
        assert found.estimate.count >= settings.least + settings.confirm
    elif found.outcome is Outcome.FASTER:
        assert found.estimate.high < 0
    elif found.outcome is Outcome.SAME:
        assert found.estimate.high < limit
    assert found.outcome is not None


@given(logs_, st.integers(0, 20))
def test_what_was_decided_stays_decided(logs: list[float], cut: int) -> None:
    found = decide(Pairs(logs=tuple(logs[:cut])), USUAL)
    if found.outcome not in (None, Outcome.UNSURE):
        assert decide(Pairs(logs=tuple(logs)), USUAL).outcome is found.outcome


def rate(
    outcome: Outcome, effect: float, spread: float, *, checks: int = 400, settings: Settings = USUAL
) -> float:
    """Return how often a check of pairs with heavy-tailed noise ends so."""
    random = np.random.default_rng(7)
    noise = random.standard_t(5, (checks, settings.most + settings.confirm)) * spread / math.sqrt(5 / 3)
    return sum(judged(list(row + effect), settings).outcome is outcome for row in noise) / checks


@pytest.mark.parametrize("spread", [0.002, 0.01, 0.03, 0.1, 0.2])
def test_identical_code_raises_no_alarm(spread: float) -> None:
    assert rate(Outcome.SLOWER, 0.0, spread) <= 0.01


def test_identical_code_passes_where_the_machine_is_steady() -> None:
    assert rate(Outcome.SAME, 0.0, 0.01) >= 0.99


def test_a_change_well_over_the_threshold_is_found() -> None:
    # In lockstep a pair's spread is about 1 %.
    assert rate(Outcome.SLOWER, math.log1p(0.10), 0.01) >= 0.99
    assert rate(Outcome.SLOWER, FIVE, 0.01, settings=Settings(threshold=0.025)) >= 0.95
    assert rate(Outcome.SLOWER, math.log1p(0.02), 0.008, settings=Settings(threshold=0.01)) >= 0.8


def test_a_change_as_large_as_the_threshold_is_an_alarm_about_half_the_time_and_hardly_ever_a_pass() -> None:
    for spread in (0.005, 0.01, 0.03):
        found = {outcome: rate(outcome, FIVE, spread) for outcome in Outcome}
        assert 0.4 <= found[Outcome.SLOWER] <= 0.75
        assert found[Outcome.SAME] <= 0.02
    # Half of it is what makes sure.
    assert rate(Outcome.SLOWER, FIVE, 0.01, settings=Settings(threshold=0.025)) >= 0.95


def test_a_change_well_over_the_threshold_never_passes() -> None:
    for spread in (0.01, 0.05, 0.2):
        assert rate(Outcome.SAME, math.log1p(0.10), spread) <= 0.01


def test_a_noisy_machine_gets_an_honest_answer() -> None:
    assert rate(Outcome.UNSURE, 0.0, 0.2) >= 0.95


def stored_rate(effect: float, spread: float, session: float, *, saved: int = 5, checks: int = 300) -> float:
    """Return how often numbers saved in one session raise an alarm in another."""
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(checks):
        before = random.normal(0, spread, saved) + random.normal(0, session)
        now = random.normal(effect, spread, USUAL.most + USUAL.confirm) + random.normal(0, session)
        for count in range(1, len(now) + 1):
            found = decide(Stored(saved=tuple(before), now=tuple(now[:count])), USUAL)
            if found.outcome is not None:
                break
        alarms += found.outcome is Outcome.SLOWER
    return alarms / checks


@pytest.mark.parametrize("spread", [0.005, 0.03, 0.2])
def test_saved_numbers_raise_no_alarm_though_sessions_differ(spread: float) -> None:
    assert stored_rate(0.0, spread, session=spread) <= 0.01


def test_saved_numbers_find_what_stands_out() -> None:
    assert stored_rate(math.log1p(0.3), 0.01, session=0.01) >= 0.9


def test_one_saved_process_is_judged_by_the_spread_of_now() -> None:
    evidence = Stored(saved=(0.0,), now=(0.001, -0.001, 0.0))
    assert math.isfinite(evidence.upto(3).half)
    assert Stored(saved=(0.0,), now=(0.0,)).upto(1).half == math.inf
    assert Stored(saved=(), now=(0.0,)).upto(1).half == math.inf


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.lists(st.floats(-1, 1), min_size=1, max_size=12)
)
def test_stored_evidence_promises_no_fewer_than_one_run(saved: list[float], now: list[float]) -> None:
    evidence = Stored(saved=tuple(saved), now=tuple(now))
    wanted = evidence.needed(0.05)
    assert wanted is None or wanted >= 1
    seen = evidence.sees()
    assert seen is None or seen >= 0
