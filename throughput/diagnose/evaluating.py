"""Tell evaluation within the training loop from training: by names, or by models run without gradients."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput.diagnose import costs, reading
from throughput.diagnose.costs import Cost
from throughput.model.finding import Facts
from throughput.model.timeline import Frame, training_functions

EVALUATES = re.compile(
    r"(^|[._])(eval|evaluate|evaluation|validate|validation|estimate_loss|compute_metrics)([._]|$)"
    r"|(^|\.)(val|valid|test)(_(one_)?(epoch|loop|step|model|set|loss|accuracy))?$",
    re.IGNORECASE,
)
TRAINERS = re.compile(r"^(transformers|lightning|pytorch_lightning|keras|accelerate|skorch|fastai)/")
"""Libraries that evaluate for the script."""
METRICS = ("sklearn/metrics/", "torchmetrics/", "torcheval/")
WITHOUT_GRADIENTS = re.compile(r"\b(no_grad|inference_mode)\b")
MODEL = "torch/nn/modules/"
OTHER_USES = re.compile(
    r"rollout|collect|explor|simulat|teacher|target|ema|averag|distill|act(ion)?s?$", re.IGNORECASE
)
ENVIRONMENTS = re.compile(r"(^|/)(gym|gymnasium|stable_baselines3|pettingzoo|dm_control|envpool|mujoco)/")
"""Reinforcement learning: a policy that plays without gradients gathers its data so."""


def by_name(facts: Facts) -> tuple[Cost | None, Frame | None]:
    """Return what functions cost that are named after evaluation, and the first of the script's own."""
    part = reading.training_samples(facts, lambda stack: _evaluates(stack) is not None)
    place = next((f for f in facts.timeline.stacks.frames if f.own and _evaluates([f])), None)
    return costs.of_samples(facts, part), place


def _evaluates(stack: Sequence[Frame]) -> Frame | None:
    for frame in stack:
        named = EVALUATES.search(frame.function) and (frame.own or TRAINERS.match(frame.file))
        if named or any(part in frame.file for part in METRICS):
            return frame
    return None


def without_gradients(facts: Facts) -> tuple[Cost | None, Frame | None]:
    """Return what the model costs where own functions run it without gradients, in few of the steps.

    What does so in every step is part of training: a teacher, a target network, an average of the weights.
    """
    trains = training_functions(facts.timeline)
    is_known: dict[tuple[str, int], bool] = {}
    seen: dict[Frame, int] = {}

    def is_without(frame: Frame) -> bool:
        key = (frame.file, frame.line)
        if key not in is_known:
            heads = reading.block_heads(facts, frame.file, frame.line)
            is_known[key] = any(map(WITHOUT_GRADIENTS.search, heads))
        return is_known[key]

    def wanted(stack: Sequence[Frame]) -> bool:
        if not any(MODEL in frame.file for frame in stack) or any(ENVIRONMENTS.search(f.file) for f in stack):
            return False
        own = [f for f in stack if f.own and (f.file, f.function) not in trains]
        if any(OTHER_USES.search(frame.function) for frame in own):
            return False
        found = next(filter(is_without, own), None)
        if found is not None:
            seen[found] = seen.get(found, 0) + 1
        return found is not None

    part = reading.training_samples(facts, wanted)
    place = max(seen, key=lambda frame: seen[frame], default=None)
    return (costs.of_samples(facts, part), place) if part.is_rare else (None, None)
