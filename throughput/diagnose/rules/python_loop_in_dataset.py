"""Finds a Python loop over elements in the data pipeline."""

from __future__ import annotations

import statistics

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.attribution import Hotspot
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

MOSTLY_BLOCKED = 0.5
OFTEN = 16
"""Calls a sample: chains of transforms are shorter, rows of elements longer."""
FIX = (
    "Replace the loop by one call on the whole array, for example\n"
    "    out = np.where(x > 0, x * gain, 0)    # not: [v * gain if v > 0 else 0 for v in x]\n"
    "Where no such call exists, compile the function with numba, or do the work once and store the result."
)


def check(facts: Facts) -> Finding | None:
    """See the data pipeline spend step time in a loop written in Python.

    Why it costs: an element costs 50 to 100 ns in a Python loop and about 1 ns in numpy or torch.
    How to fix: use one array operation for all elements; numba where there is none.
    When it is wrong: the loop is over few, large things, or its body is one slow C call.
    Sources: NumPy's documentation on vectorization; SPDL's documentation on Python-bound loading.
    """
    made = facts.attribution.loader
    if made is not None and made.made_ns and (made.blocked_ns or 0) > MOSTLY_BLOCKED * made.made_ns:
        return None  # it waits in its loop: for a file, a lock or the network
    work = reading.with_text(facts, reading.places(facts, Category.DATA_LOADING))
    loops = [one.place for one in work if reading.is_in_loop(facts, one)]
    looping = {(place.file, place.function) for place in loops}
    called = [
        one.place
        for one in work
        if (by := one.place.caller) and (by.file, by.function) in looping and _is_often(facts, one.place)
    ]
    title = "A Python loop runs for each sample"
    inner = max(called, key=lambda place: place.ns_per_step, default=None)
    if inner is not None and inner.ns_per_step > sum(place.ns_per_step for place in loops):
        title = f"A Python loop calls {inner.name} for each element"
    return findings.at_places(facts, [*loops, *(p for p in called if p not in loops)], (title, FIX))


def _is_often(facts: Facts, place: Hotspot) -> bool:
    """Return whether a place is called for elements, not for each of a chain of transforms."""
    sizes = [step.samples for step in facts.timeline.steps if step.samples]
    if not sizes or place.calls_per_step is None:
        return True
    return place.calls_per_step >= OFTEN * statistics.median(sizes)


def _fires() -> tuple[Facts, ...]:
    body = {9: "    out = []", 10: "    for value in row:", 11: "        out.append(clip(value) * gain)"}
    return (facts(_SLOW, (_PLACE,), loader=loader(), sources={"data.py": body}),)


def _quiet() -> tuple[Facts, ...]:
    body, waiting = {10: "    for path in paths:", 11: "        path.read()"}, loader(blocked_ns=80e6)
    return (
        facts(_SLOW, (_PLACE,), loader=waiting, sources={"data.py": body}),
        facts(_SLOW, (_PLACE,), loader=loader(), sources={"data.py": {11: "    return row * 2"}}),
    )


_SLOW, _PLACE = {Category.DATA_LOADING: 0.5}, loading("clean", 0.4, "data.py:11")
RULE = SpecificRule(
    name="python-loop-in-dataset",
    check=check,
    requires=("stacks",),
    supersedes=GENERAL_LOADING,
    fires=_fires,
    quiet=_quiet,
)
