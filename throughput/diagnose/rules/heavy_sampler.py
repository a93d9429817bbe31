"""Finds a sampler that takes the training thread's time."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

SAMPLERS = re.compile(r"sampler|randperm|multinomial|random\.choice|_next_index", re.IGNORECASE)
FIX = (
    "Precompute the order of an epoch in one call, and yield from it:\n"
    "    order = torch.multinomial(weights, count, replacement=True).tolist()\n"
    "    yield from order\n"
    "A sampler always runs on the training thread, also with workers."
)


def check(facts: Facts) -> Finding | None:
    """See the choice of samples (sampler, batch sampler) take step time.

    Why it costs: indices are drawn on the training thread, whatever num_workers is; a weighted draw for
    each sample, or a list that is searched for each batch, costs milliseconds.
    How to fix: draw a whole epoch at once with torch or numpy; keep indices in arrays.
    When it is wrong: the time is one permutation of a huge data set at the start of an epoch.
    Sources: torch.utils.data documentation (samplers run in the main process).
    """
    main = reading.places(facts, Category.DATA_LOADING, Category.HOST_WORK, process=reading.TRAINING)
    found = [one.place for one in reading.with_text(facts, main) if _samples(one)]
    return findings.at_places(facts, found, ("Choosing samples takes the training thread's time", FIX))


def _samples(one: reading.Located) -> bool:
    place = one.place
    caller = place.caller.function if place.caller is not None else ""
    texts = (place.name, place.file, place.function, caller, one.text)
    return any(SAMPLERS.search(text) for text in texts)


def _fires() -> tuple[Facts, ...]:
    own = loading("BalancedSampler.__iter__", 0.2, "data.py:40", process=reading.TRAINING)
    torch = loading(
        "torch.utils.data.WeightedRandomSampler",
        0.2,
        "site-packages/torch/utils/data/sampler.py:250",
        process=reading.TRAINING,
        caller="train.py:10",
    )
    return (facts({Category.DATA_LOADING: 0.3}, (own,)), facts({Category.DATA_LOADING: 0.3}, (torch,)))


def _quiet() -> tuple[Facts, ...]:
    worker = loading("Crop.random_sampler", 0.2)
    small = loading("BalancedSampler.__iter__", 0.01, process=reading.TRAINING)
    return (facts(places=(worker,)), facts(places=(small,)))


RULE = SpecificRule(
    name="heavy-sampler",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "python-overhead", "python-loop-in-dataset"),
)
