"""Finds checkpoints that the training waits for."""

from __future__ import annotations

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Save less often, or in the background: copy the state first, then write it from a thread\n"
    "    state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}\n"
    "    threading.Thread(target=torch.save, args=(state, path)).start()\n"
    "or use torch.distributed.checkpoint.async_save. Write to a local disk, and upload from there."
)


def check(facts: Facts) -> Finding | None:
    """See the training thread write checkpoints.

    Why it costs: torch.save pickles and writes gigabytes while the model stands still.
    How to fix: rarer checkpoints, asynchronous ones, a fast local disk.
    When it is wrong: a checkpoint that rarely comes happened to fall into a short window; look at its
    period.
    Sources: ICSE'24 "Low GPU utilization" (16 % of jobs; asynchronous saving gained 1.02 to 1.5x);
    PyTorch DCP.
    """
    found = reading.matching(facts, reading.places(facts, process=reading.TRAINING), findings.SAVES)
    return findings.at_places(facts, found, ("The training stands still while a checkpoint is written", FIX))


def _fires() -> tuple[Facts, ...]:
    at = "site-packages/torch/serialization.py:900"
    save = spot("torch.save", 0.2, at, category=Category.LOGGING_CHECKPOINT, caller="train.py:60")
    own = spot("save_checkpoint", 0.2, "train.py:60", category=Category.LOGGING_CHECKPOINT)
    return (facts({Category.LOGGING_CHECKPOINT: 0.2}, (save,)), facts(places=(own,)))


def _quiet() -> tuple[Facts, ...]:
    log = spot("print", 0.2, kind="print", category=Category.LOGGING_CHECKPOINT)
    return (facts(places=(log,)), facts(places=(spot("torch.save", 0.02),)))


RULE = SpecificRule(
    name="checkpoint-in-loop",
    check=check,
    requires=("stacks",),
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
