"""Finds evaluation inside the measured steps."""

from __future__ import annotations

from throughput.diagnose import costs, evaluating, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

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
    cost, place = evaluating.by_name(facts)
    if cost is None:
        cost, place = evaluating.without_gradients(facts)
    if cost is None or cost.share < costs.generic(facts):
        return None
    lines = [f"evaluation takes {evidence.time_of(cost)}, on average"]
    where = None if place is None else reading.place_of(place)
    title = "Evaluation runs within the training loop"
    return findings.of_cost(cost, (Category.COMPUTE, where), (title, FIX), lines)


def _fires() -> tuple[Facts, ...]:
    own = ("train.py main 9", "train.py evaluate 80", "site-packages/torch/nn/modules/module.py __call__ 1")
    metric = ("train.py main 9", "site-packages/sklearn/metrics/_ranking.py roc_auc_score 5")
    unnamed = (
        "train.py main 9",
        "held.py HeldOut.score 5",
        "site-packages/torch/nn/modules/linear.py forward 1",
    )
    scores = {"held.py": {2: "    @torch.no_grad()", 3: "    def score(self):", 5: "        self.model(x)"}}
    named = ("train.py main 9", "train.py Runner.test 80", "data.py transform 3")
    return (
        facts(stacks=((0.3, own),)),
        facts(stacks=((0.3, unnamed),), sources=scores),
        facts(stacks=((0.2, metric),)),
        facts(stacks=((0.2, named),)),
    )


def _quiet() -> tuple[Facts, ...]:
    short = ("train.py main 9", "train.py evaluate 80")
    other = ("train.py main 9", "train.py retrieval_step 80", "train.py latest_test_name 3")
    return (facts(stacks=((0.05, short),)), facts(stacks=((0.5, other),)))


RULE = SpecificRule(
    name="evaluation-inline",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=("python-overhead",),
)
