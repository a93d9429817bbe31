"""Finds schedulers, averages of weights and gradient bookkeeping in Python, done at every step."""

from __future__ import annotations

import re

from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

FILES = ("torch/optim/lr_scheduler.py", "torch/optim/swa_utils.py")
OWN = re.compile(
    r"(^|[._])(ema|EMA|moving_average|running_average|update_average|average_(weights|model|parameters)|polyak\w*"
    r"|soft_update\w*)([._]|$)|E(ma|MA)(?![a-z])|MovingAverage|WeightAverag|AveragedModel|(Mean|Momentum)Teacher"
)
"""Names of functions and classes that keep an average of the weights, such as `ModelEma.update`."""
FIX = (
    "Batch the update of all weights in one call, every few steps:\n"
    "    torch._foreach_lerp_(averages, weights, 1 - decay)      # not: for a, w in zip(...): a.lerp_(w, "
    "...)\n"
    "AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)) does so. Step a scheduler once an "
    "epoch where that is enough."
)


def check(facts: Facts) -> Finding | None:
    """See a scheduler or a moving average of the weights, written in Python, take step time.

    Why it costs: a loop over hundreds of parameter tensors with several small operators for each, every
    step.
    How to fix: torch._foreach_* or multi_avg_fn; every N steps with the decay to the power of N.
    When it is wrong: the model is so large that the arithmetic, not the loop, takes the time.
    Sources: torch.optim.swa_utils documentation; PyTorch's performance tuning guide.
    """
    cost = costs.of_samples(facts, reading.training_samples(facts, lambda stack: any(map(_averages, stack))))
    if cost is None:
        return None
    frame = next((f for f in facts.timeline.stacks.frames if f.own and _averages(f)), None)
    where = None if frame is None else reading.place_of(frame)
    line = f"averaging weights or stepping a scheduler takes {evidence.time_of(cost)}"
    title = "A scheduler or an average of the weights takes step time"
    own = [place for place in reading.places(facts, process=reading.TRAINING) if OWN.search(place.function)]
    category = findings.main_category(own) if own else Category.HOST_WORK
    return findings.of_cost(cost, (category, where), (title, FIX), (line,))


def _averages(frame: Frame) -> bool:
    # A scheduler wraps optimizer.step to count its calls: that wrapper is on every update's stack.
    theirs = frame.file.endswith(FILES) and not frame.function.endswith("wrapper")
    return theirs or (frame.own and OWN.search(frame.function) is not None)


def _fires() -> tuple[Facts, ...]:
    own = ("train.py main 9", "ema.py EMA.update 21")
    swa = ("train.py main 9", "site-packages/torch/optim/swa_utils.py update_parameters 250")
    named = ("train.py main 9", "averages.py ModelEma.update 21")
    return (facts(stacks=((0.1, own),)), facts(stacks=((0.1, swa),)), facts(stacks=((0.1, named),)))


def _quiet() -> tuple[Facts, ...]:
    wraps = (
        "train.py main 9",
        "site-packages/torch/optim/lr_scheduler.py LRScheduler.wrap_step.wrapper 163",
        "site-packages/torch/optim/sgd.py step 106",
    )
    rare = ("train.py main 9", "site-packages/torch/optim/lr_scheduler.py step 130")
    other = ("train.py main 9", "train.py schema_check 40")
    return (facts(stacks=((0.2, wraps),)), facts(stacks=((0.01, rare),)), facts(stacks=((0.3, other),)))


RULE = SpecificRule(
    name="scheduler-or-ema", check=check, requires=("stacks",), fires=_fires, quiet=_quiet,
    supersedes=("python-overhead",),
)  # fmt: skip
