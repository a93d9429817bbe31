"""Finds a training thread that sleeps or waits for nothing known."""

from __future__ import annotations

from throughput.diagnose import evidence, findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

FIX = (
    "Remove the wait, or wait for what is really needed: a queue or an event wakes the thread at once, where "
    "time.sleep in a loop that polls oversleeps by half its length on average."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread sleep, or wait for something that nobody in this run does.

    Why it costs: nothing runs meanwhile; polling with time.sleep also adds its own length to each wait.
    How to fix: queues, events and conditions instead of polling; no rate limits or retries in the loop.
    When it is wrong: the thread waits for a process outside of this run, which has to be looked at
    itself.
    Sources: Python's threading documentation; blocked samples (OSDI'24).
    """
    found = reading.places(facts, Category.IDLE, process=reading.TRAINING)
    line = evidence.category(facts, Category.IDLE, "the training thread is idle")
    return findings.at_places(facts, found, ("The training thread sleeps or waits", FIX), more=(line,))


def _fires() -> tuple[Facts, ...]:
    return (facts({Category.IDLE: 0.2}, (spot("poll_until_ready", 0.2, category=Category.IDLE),)),)


def _quiet() -> tuple[Facts, ...]:
    return (facts({Category.IDLE: 0.01}, (spot("poll", 0.01, category=Category.IDLE),)), facts())


RULE = Rule(name="sleep-in-loop", check=check, requires=("stacks",), fires=_fires, quiet=_quiet)
