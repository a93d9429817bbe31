"""Finds logging that the step waits for."""

from __future__ import annotations

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, spot
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Log every N steps, and keep what is logged on the device until then:\n"
    "    total += loss.detach()\n"
    "    if step % 50 == 0:\n"
    '        writer.add_scalar("loss", total.item() / 50, step); total.zero_()\n'
    "Leave flushing to the writer, and send metrics from a thread or process of their own."
)


def check(facts: Facts) -> Finding | None:
    """See printing, progress bars, metric writers or log files take step time.

    Why it costs: each call formats, writes and often flushes on the training thread; a file on a network
    disk or a metrics server makes it milliseconds.
    How to fix: every N steps; no flush; a background writer.
    When it is wrong: the lines are needed as they come, to watch a run that may die.
    Sources: PyTorch's performance tuning guide; ICSE'24 "Low GPU utilization".
    """
    written = reading.places(facts, Category.LOGGING_CHECKPOINT)
    saves = {id(place) for place in reading.matching(facts, written, findings.SAVES)}
    found = [place for place in written if id(place) not in saves]
    return findings.at_places(facts, found, ("Logging takes step time", FIX))


def _fires() -> tuple[Facts, ...]:
    add = "site-packages/torch/utils/tensorboard/writer.py:340"
    log = spot(
        "SummaryWriter.add_scalar", 0.1, add, category=Category.LOGGING_CHECKPOINT, caller="train.py:41"
    )
    return (facts({Category.LOGGING_CHECKPOINT: 0.12}, (log,)),)


def _quiet() -> tuple[Facts, ...]:
    few = spot("print", 0.01, kind="print", category=Category.LOGGING_CHECKPOINT)
    save = spot("torch.save", 0.2, kind="save", category=Category.LOGGING_CHECKPOINT)
    return (facts({Category.LOGGING_CHECKPOINT: 0.01}, (few,)), facts(places=(save,)))


RULE = SpecificRule(
    name="logging-in-loop",
    check=check,
    requires=("stacks",),
    supersedes=("python-overhead",),
    fires=_fires,
    quiet=_quiet,
)
