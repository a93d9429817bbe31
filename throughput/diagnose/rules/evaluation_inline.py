"""Finds evaluation inside the measured steps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

EVALUATES = re.compile(
    r"(^|[._])(eval|evaluate|evaluation|validate|validation|test_epoch)([._]|$)", re.IGNORECASE
)
METRICS = ("sklearn/metrics/", "torchmetrics/", "torcheval/")
FIX = (
    "Run it less often, on fewer batches, under torch.inference_mode() and with a larger batch size; "
    "compute metrics with tensors (torchmetrics on the device) instead of one sample at a time."
)


def check(facts: Facts) -> Finding | None:
    """See evaluation or metrics take a large part of the time of the training steps.

    Why it costs: the training stands still for it; metrics on the CPU (sklearn) often take longer than
    the model's own forward passes.
    How to fix: rarer, shorter, in inference mode, in batches; or another process that evaluates
    checkpoints.
    When it is wrong: one evaluation fell into a short window; over an epoch its share is smaller.
    Sources: ICSE'24 "Low GPU utilization"; PyTorch's performance tuning guide (inference mode).
    """
    part = reading.training_samples(facts, lambda stack: _evaluates(stack) is not None)
    cost = costs.of_samples(facts, part)
    if cost is None or cost.share < costs.generic(facts):
        return None
    lines = [f"evaluation takes {evidence.time_of(cost)}, on average"]
    eval_ns = reading.number(facts.timeline.facts.get("eval_ns"))
    if eval_ns:
        lines.append(f"the model was in evaluation mode for {units.duration(eval_ns)} in all")
    frames = [frame for frame in facts.timeline.stacks.frames if frame.own and _evaluates([frame])]
    where = (
        None if not frames else Place(function=frames[0].function, file=frames[0].file, line=frames[0].line)
    )
    title = "Evaluation runs within the training loop"
    return findings.of_cost(cost, (Category.COMPUTE, where), (title, FIX), lines)


def _evaluates(stack: Sequence[Frame]) -> Frame | None:
    for frame in stack:
        if (frame.own and EVALUATES.search(frame.function)) or any(part in frame.file for part in METRICS):
            return frame
    return None


def _fires() -> tuple[Facts, ...]:
    own = ("train.py main 9", "train.py evaluate 80", "site-packages/torch/nn/modules/module.py __call__ 1")
    metric = ("train.py main 9", "site-packages/sklearn/metrics/_ranking.py roc_auc_score 5")
    return (facts(stacks=((0.3, own),), facts={"eval_ns": 3_000_000_000}), facts(stacks=((0.2, metric),)))


def _quiet() -> tuple[Facts, ...]:
    short = ("train.py main 9", "train.py evaluate 80")
    other = ("train.py main 9", "train.py retrieval_step 80")
    return (facts(stacks=((0.05, short),)), facts(stacks=((0.5, other),)))


RULE = SpecificRule(
    name="evaluation-inline",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("python-overhead",),
)
