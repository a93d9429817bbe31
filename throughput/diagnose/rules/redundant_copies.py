"""Finds batches that are converted or copied again and again."""

from __future__ import annotations

import re

from throughput import units
from throughput.diagnose import findings, reading
from throughput.diagnose.examples import STEPS, facts, loading, spot
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Operators

CATEGORIES = (Category.HOST_WORK, Category.COMPUTE, Category.DATA_LOADING, Category.HOST_TO_DEVICE)
CONVERTS = re.compile(
    r"torch\.(tensor|as_tensor|from_numpy|clone)\(|\.(tolist|numpy|clone|contiguous|double|float|half|astype)\("
    r"|np\.(array|asarray|ascontiguousarray|copy)\(|copy\.deepcopy\(|\.copy\(\)|\.type\("
)
ARITHMETIC, CALLED = re.compile(r"[\w)\]] (\*\*?|[-+/@%]|//) [\w(\[]"), re.compile(r"(\w+)\(")
PLAIN = frozenset(
    "tensor as_tensor from_numpy clone tolist numpy contiguous double float half astype array asarray type t"
    " to int ascontiguousarray copy deepcopy len view reshape flatten long cpu detach list".split()
)
"""A line that calls anything else, or computes, does work of its own too."""
PICKS = re.compile(r"\w\[(?![\d:\s]*\])\w")
PICKING_LEAST = 0.05  # of a step: below it, a line that picks rows too copies them of need
TITLE = "Batches are converted and copied again"
COPIES = ("aten::_to_copy", "aten::copy_", "aten::clone", "aten::contiguous")
OPERATORS = Operators(inner_counts={"aten::copy_": 12 * STEPS})
FIX = (
    "Convert once, as early as it can be: keep tensors of the model's type in the data set\n"
    "    self.x = torch.from_numpy(array).float()      # when the data set is made\n"
    "return them from __getitem__ as they are, and drop the conversions between loader and model. A batch "
    "of Python lists is the slowest form of all: torch.tensor(list) visits every number."
)


def check(facts: Facts) -> Finding | None:
    """See lines that only change a batch's type, container or layout take step time.

    Why it costs: each conversion reads and writes the whole batch; lists of Python numbers cost 20 to 50
    ns an element, and float64 in between doubles the bytes.
    How to fix: convert once when the data set is made; torch.from_numpy copies nothing.
    When it is wrong: the line also does work that the model needs, in the same expression.
    Sources: PyTorch's tensor documentation (from_numpy, as_tensor); ICSE'24 "Low GPU utilization".
    """
    work = reading.with_text(facts, reading.places(facts, *CATEGORIES))
    found = [one.place for one in work if one.is_own and _converts(one.text, one.place.share)]
    inner, steps = facts.timeline.operators.inner_counts, reading.torch_steps(facts)
    counts = [f"{name} {units.count(inner[name] / steps)}" for name in COPIES if steps and inner.get(name)]
    more = (f"copying operators a step: {', '.join(counts)}",) if counts else ()
    return findings.at_places(facts, found, (TITLE, FIX), more=more)


def _converts(line: str, share: float) -> bool:
    works = ARITHMETIC.search(line) or (share < PICKING_LEAST and PICKS.search(line))
    return bool(CONVERTS.search(line)) and not works and PLAIN.issuperset(CALLED.findall(line))


def _fires() -> tuple[Facts, ...]:
    lines = {"convert.py": {10: " x = torch.tensor(rows)"}, "data.py": {10: " return self.x[i].tolist()"}}
    places = (spot("to_input", 0.3, "convert.py:10"), loading("Rows.__getitem__", 0.1))
    return (facts({Category.HOST_WORK: 0.3}, places, sources=lines, operators=OPERATORS),)


def _quiet() -> tuple[Facts, ...]:
    lines = {"convert.py": {10: "    loss = criterion(model(x.float()), y)"}}
    model = spot("torch.nn.Module", 0.6, "site-packages/torch/nn/modules/module.py:1", caller="convert.py:10")
    own, small = {"ema.py": {10: "    s = d * s + e * x.float()"}}, spot("to_input", 0.02, "convert.py:10")
    average = facts(places=(spot("update", 0.3, "ema.py:10"),), sources=own)
    picks = {"data.py": {10: "    return self.x[indices], self.y[indices].tolist()"}}
    batch = facts(places=(loading("D.__getitems__", 0.03),), sources=picks)
    return (facts(places=(model,), sources=lines), facts(places=(small,)), average, batch)


RULE = SpecificRule(
    name="redundant-copies", check=check, requires=("stacks",), fires=_fires, quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "python-overhead", "python-loop-in-dataset", "slow-collate"),
)  # fmt: skip
