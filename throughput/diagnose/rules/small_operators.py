"""Finds Python loops of small operators in the model's own code."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, findings, phases, reading
from throughput.diagnose.examples import facts, small_operators, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import training_functions

MANY = 300
"""Operators a step outside of any other: a model of 50 layers has about so many."""
SMALL_NS = 60_000
"""Mean time of one: its arithmetic is a few thousand numbers, dispatch and Python take as long or longer."""
FIX = (
    "Use one operator over the whole dimension at once (cumsum, a convolution, a matrix product, nn.LSTM "
    "instead of a loop over LSTMCell), or let torch.compile(model) fuse the loop."
)


def check(facts: Facts) -> Finding | None:
    """See a loop in own code call hundreds of small operators a step.

    Why it costs: each operator costs 2 to 10 us of dispatch and as much again of Python, however little it
    computes; a loop over the steps of a sequence makes thousands of them.
    How to fix: one operator for all elements; torch.compile.
    When it is wrong: each round needs the result of the one before, and no operator does that.
    Sources: PyTorch's performance tuning guide (fuse operations); torch.compile documentation.
    """
    steps = reading.torch_steps(facts)
    lengths = phases.forward_operators(facts.timeline)
    count = len(lengths)
    if not steps or count < MANY * steps or float(lengths.mean()) > SMALL_NS:
        return None
    trains = training_functions(facts.timeline)
    work = reading.with_text(facts, reading.places(facts, Category.COMPUTE, process=reading.TRAINING))
    found = [
        one.place
        for one in work
        if reading.is_in_loop(facts, one) and (one.place.file, one.place.function) not in trains
    ]
    mean = units.duration(float(lengths.mean()))
    more = (f"{units.count(round(count / steps))} operators a step before backward, {mean} each on average",)
    title = "A Python loop calls many small operators"
    return findings.at_places(facts, found, (title, FIX), costs.generic(facts), more)


def _facts(operators: int, line: str) -> Facts:
    return facts(
        places=(spot("Level.smooth", 0.4, "model.py:10", category=Category.COMPUTE),),
        sources={"model.py": {9: "        for frame in frames.unbind(1):", 10: line}},
        operators=small_operators(operators),
        torch_steps=10,
    )


def _fires() -> tuple[Facts, ...]:
    return (_facts(5_000, "            level = keep * level + rate * frame"),)


def _quiet() -> tuple[Facts, ...]:
    return (
        _facts(500, "            level = keep * level + rate * frame"),
        _facts(5_000, "        level = torch.cumsum(frames, 1)"),
    )


RULE = SpecificRule(
    name="small-operators",
    check=check,
    requires=("stacks", "torch"),
    fires=_fires,
    quiet=_quiet,
    supersedes=("python-overhead",),
)
