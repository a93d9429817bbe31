"""What a step is, found from the marks that scripts make: once settled, one a cycle, at the right mark."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

INPROCESS = Path(__file__).parents[3] / "throughput" / "collect" / "inprocess"
if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
StepFinder: Any = importlib.import_module("throughput_inprocess.steps").StepFinder

Mark = tuple[str, int, str]

BATCH: Mark = ("batch", 0, "")
BACKWARD: Mark = ("backward", 0, "")


def step(name: str = "Adam", key: int = 1) -> Mark:
    return ("optimizer", key, name)


GENERATOR, CRITIC = step("Generator", 1), step("Critic", 2)
ACTOR = step("Actor", 3)

CASES: dict[str, tuple[list[Mark], Mark, str]] = {
    # marks of a cycle, the one that ends its step, the rule in words
    "plain": ([BATCH, BACKWARD, step()], step(), "Adam.step"),
    "accumulation": ([BATCH, BACKWARD] * 4 + [step()], step(), "Adam.step"),
    "long accumulation": ([BATCH, BACKWARD] * 7 + [step()], step(), "Adam.step"),
    "evaluation in each cycle": ([BATCH, BACKWARD, step()] + [BATCH] * 5, step(), "Adam.step"),
    "no loader": ([BACKWARD, step()], step(), "Adam.step"),
    "optimizer that calls the engine itself": (
        [BATCH, *[BACKWARD] * 20, step("LBFGS")],
        step("LBFGS"),
        "LBFGS.step",
    ),
    "GAN 1:1": ([BATCH, BACKWARD, CRITIC, BACKWARD, GENERATOR], GENERATOR, "Generator.step"),
    "WGAN 5:1": ([BATCH, BACKWARD, CRITIC] * 5 + [BACKWARD, GENERATOR], GENERATOR, "Generator.step"),
    "TD3 2:1": ([BATCH, BACKWARD, CRITIC, BATCH, BACKWARD, CRITIC, BACKWARD, ACTOR], ACTOR, "Actor.step"),
    "no optimizer": ([BATCH, BACKWARD], BATCH, "loader batches followed by a backward"),
    "no optimizer, no loader": ([BACKWARD], BACKWARD, "backward calls"),
    "inference": ([BATCH], BATCH, "loader batches"),
}


def run(finder: Any, marks: list[Mark], cycles: int) -> list[list[int]]:
    """Return for each cycle the positions of the marks that ended a step."""
    return [[n for n, mark in enumerate(marks) if finder.mark(*mark)] for _ in range(cycles)]


@pytest.mark.parametrize("case", CASES)
def test_one_step_a_cycle(case: str) -> None:
    marks, ending, words = CASES[case]
    finder = StepFinder()
    ended = run(finder, marks, 120)
    assert finder.settled
    assert finder.describe() == words
    assert [len(positions) for positions in ended[-50:]] == [1] * 50
    assert {marks[positions[0]] for positions in ended[-50:]} == {ending}


@pytest.mark.parametrize("case", CASES)
def test_settled_soon(case: str) -> None:
    marks, _, _ = CASES[case]
    finder = StepFinder()
    cycles = 0
    while not finder.settled:
        run(finder, marks, 1)
        cycles += 1
    # Three steps say it where there is an optimizer; else that none is there has to be waited for.
    assert cycles <= (4 if any(mark[0] == "optimizer" for mark in marks) else 51)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batches", [1, 2, 30, 70])
def test_an_evaluation_before_training_counts_for_nothing(case: str, batches: int) -> None:
    marks, ending, words = CASES[case]
    finder = StepFinder()
    for _ in range(batches):
        finder.mark(*BATCH)
    ended = run(finder, marks, 120)
    assert finder.describe() == words
    assert {marks[n] for positions in ended[-50:] for n in positions} == {ending}
    assert [len(positions) for positions in ended[-50:]] == [1] * 50


def test_a_second_optimizer_that_shows_up_late() -> None:
    finder = StepFinder()
    run(finder, [BATCH, BACKWARD, CRITIC], 10)
    ended = run(finder, [BATCH, BACKWARD, CRITIC] * 2 + [BACKWARD, GENERATOR], 60)
    assert finder.describe() == "Generator.step"
    assert ended[-40:] == [[7]] * 40


def test_an_optimizer_that_stepped_twice_is_given_up() -> None:
    """One that pretrains something, or steps once an epoch, is no step of the training."""
    finder = StepFinder()
    run(finder, [BACKWARD, step("Pretraining", 9)], 2)
    ended = run(finder, [BATCH, BACKWARD, step()], 60)
    assert finder.describe() == "Adam.step"
    assert ended[-30:] == [[2]] * 30


def test_a_marker_beats_everything() -> None:
    finder = StepFinder("train_one")
    ended = run(finder, [BATCH, BACKWARD, step(), step("Other", 2), ("marker", 0, "train_one")], 10)
    assert ended == [[4]] * 10
    assert finder.describe() == "calls of train_one"


def test_nothing_seen() -> None:
    assert StepFinder().describe() == "no step seen"
    assert not StepFinder().settled
