"""Steps at which nothing is to be decided are written without looking: the rows are those of a full look."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
control: Any = importlib.import_module("throughput_inprocess.control")
clock: Any = importlib.import_module("throughput_inprocess.clock")
recorder: Any = importlib.import_module("throughput_inprocess.recorder")

WARMUP = 5
ADAM, OTHER = 1, 2


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    written: list[tuple[int, ...]] = []
    monkeypatch.setattr(recorder.recorder, "rows", written)
    monkeypatch.setattr(recorder.recorder, "note", lambda kind, **fields: None)
    monkeypatch.setattr(control.compiles, "look", lambda: None)
    monkeypatch.setattr(control, "SHOW_NS", 10**18)
    clock.forget()
    cells = control.page.cells
    control.page.cells = memoryview(bytearray(len(cells) * 8)).cast("q")
    yield written
    control.page.cells = cells
    clock.forget()


def trained(steps: int, quick: bool, key_of: Callable[[int], int] = lambda step: ADAM) -> tuple[Any, int]:
    """Return the controller of a window after so many optimizer steps, and how many of them were quick."""
    one = control.Controller({"steps": 100, "warmup": WARMUP, "run_to_end": True})
    taken = 0
    for step in range(steps):
        clk = clock.clock()
        key, now = key_of(step), clk.edge()
        if quick and one.quick(key, clk, now):
            taken += 1
        else:
            one.mark("optimizer", key, "Adam" if key == ADAM else "SGD")
    return one, taken


def step_rows(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return number and block of each step."""
    return [(row[4], row[5]) for row in rows if row[0] == recorder.STEP]


def test_the_rows_are_those_of_a_full_look(rows: list[tuple[int, ...]]) -> None:
    looked, none = trained(80, quick=False)
    full = step_rows(rows)
    rows.clear()
    written, many = trained(80, quick=True)
    assert (none, many > 60) == (0, True)
    assert step_rows(rows) == full
    for name in ("number", "kept", "warm_steps", "dropped", "block"):
        assert getattr(written, name) == getattr(looked, name), name
    assert written.finder.fires == looked.finder.fires


def test_the_window_ends_where_a_full_look_ends_it(rows: list[tuple[int, ...]]) -> None:
    written, _ = trained(150, quick=True)
    assert (written.kept, written.block) == (100, control.DONE)
    assert [block for _, block in step_rows(rows)].count(control.LIGHT) == 100


def test_a_second_optimizer_ends_it() -> None:
    _, alone = trained(90, quick=True)
    _, joined = trained(90, quick=True, key_of=lambda step: OTHER if step >= 40 and step % 2 else ADAM)
    assert joined < 40 < alone


def test_what_the_parent_asks_for_is_looked_at(rows: list[tuple[int, ...]]) -> None:
    def held_at_forty(step: int) -> int:
        if step == 40:
            control.page.set("hold_at", 10**9)
        return ADAM

    _, before = trained(90, quick=True, key_of=held_at_forty)
    assert before < 40
    numbers = [number for number, _ in step_rows(rows)]
    assert numbers == list(range(numbers[0], 91))


def test_a_stack_sampler_makes_its_own_steps(rows: list[tuple[int, ...]]) -> None:
    def sampling_from_forty(step: int) -> int:
        control.page.set("stacks_state", 2 if step >= 40 else 0)
        return ADAM

    trained(60, quick=True, key_of=sampling_from_forty)
    blocks = dict(step_rows(rows))
    assert [blocks[number] for number in range(30, 41)] == [control.LIGHT] * 11
    assert [blocks[number] for number in range(41, 61)] == [control.STACKS] * 20
