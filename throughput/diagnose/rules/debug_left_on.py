"""Finds debugging aids that were left on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

SWITCHES_ON = re.compile(r"detect_anomaly")
FIX_ANOMALY = (
    "Remove torch.autograd.set_detect_anomaly(True) (and detect_anomaly=True of a trainer); switch it on "
    "again only to look for a NaN."
)
FIX_BLOCKING = "Remove CUDA_LAUNCH_BLOCKING=1 from the environment: with it the GPU and the script take turns"


def check(facts: Facts) -> Finding | None:
    """See autograd's anomaly detection, or CUDA_LAUNCH_BLOCKING=1, on while training.

    Why it costs: anomaly detection takes a Python stack trace for each operator and looks for NaN in each
    gradient: a small model took 3.3 ms a step with it, and 0.5 ms without (torch 2.13). Blocking launches
    make the CPU wait for each kernel.
    How to fix: off, except while hunting a bug.
    When it is wrong: you are hunting that bug now.
    Sources: PyTorch's performance tuning guide; torch.autograd documentation.
    """
    if facts.timeline.facts.get("anomaly_mode") is True:
        cost = costs.of_samples(facts, reading.training_samples(facts, _traces))
        if cost is not None:
            line = f"stack traces take {evidence.time_of(cost)}; the search for NaN comes on top"
            spot = (Category.HOST_WORK, reading.place_of_text(facts, SWITCHES_ON))
            texts = ("Autograd's anomaly detection is on", FIX_ANOMALY)
            return findings.of_cost(cost, spot, texts, (line,))
    env = facts.run.environment.get("env")
    blocking = isinstance(env, dict) and str(env.get("CUDA_LAUNCH_BLOCKING")) == "1"
    if not blocking or not facts.timeline.facts.get("device"):
        return None
    cost = costs.together(
        costs.part_of(facts, Category.SYNCHRONIZATION), costs.part_of(facts, Category.HOST_WORK)
    )
    lines = (
        "CUDA_LAUNCH_BLOCKING=1 is set",
        evidence.category(facts, Category.SYNCHRONIZATION, "waiting for the device takes"),
        evidence.category(facts, Category.HOST_WORK, "Python that could run meanwhile takes"),
    )
    texts = ("CUDA_LAUNCH_BLOCKING is on", FIX_BLOCKING)
    return findings.of_cost(cost, (Category.SYNCHRONIZATION, None), texts, lines)


def _traces(stack: Sequence[Frame]) -> bool:
    return any(frame.file.rsplit("/", 1)[-1] in ("traceback.py", "linecache.py") for frame in stack)


def _fires() -> tuple[Facts, ...]:
    stack = ("train.py main 9", "site-packages/traceback.py format_stack 200")
    blocking = {"env": {"CUDA_LAUNCH_BLOCKING": "1"}}
    waits = {Category.SYNCHRONIZATION: 0.3, Category.HOST_WORK: 0.1}
    return (
        facts(stacks=((0.4, stack),), facts={"anomaly_mode": True}),
        facts(waits, environment=blocking, facts={"device": {"name": "fake"}}),
    )


def _quiet() -> tuple[Facts, ...]:
    return (facts(facts={"anomaly_mode": False}), facts(environment={"env": {"CUDA_LAUNCH_BLOCKING": "1"}}))


RULE = SpecificRule(
    name="debug-left-on", check=check, requires=("stacks",), fires=_fires, quiet=_quiet,
    supersedes=("python-overhead", "launch-bound", "item-sync"),
)  # fmt: skip
