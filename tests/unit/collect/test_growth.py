"""Lines that keep an object with each step are found, with the graphs behind tensors; nothing else is."""

from __future__ import annotations

import importlib
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.collect.lock_runs import INPROCESS
from throughput.align.frames import FrameReader
from throughput.align.kept import read_kept
from throughput.align.notes import Notes
from throughput.model.memory import KeptMemory

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
growth: Any = importlib.import_module("throughput_inprocess.growth")

MB = 1_000_000
GROWN = (100 * MB, 150 * MB, 200 * MB)


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    yield
    tracemalloc.stop()


def grown(levels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> Any:
    made = growth.Growth()
    left = list(levels)
    monkeypatch.setattr(growth, "_private_bytes", lambda: left.pop(0))
    for place in range(len(levels)):
        made.read_level(place)
        made.read_level(place)  # asked again at later steps
    return made


def kept_by(step: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> KeptMemory:
    """Return what is read of a training whose steps do this."""
    notes: list[dict[str, Any]] = []
    monkeypatch.setattr(
        growth.recorder, "note", lambda kind, **fields: notes.append({"kind": kind, **fields})
    )
    watch = grown(GROWN, monkeypatch)
    assert watch.begin()
    number = 0
    while True:
        step(number)
        number += 1
        if watch.step_ended():
            break
    assert number == growth.STEPS + 1
    assert not tracemalloc.is_tracing()
    found = read_kept(Notes(notes), FrameReader(script_dir=str(INPROCESS.parents[2] / "tests")))
    assert found is not None
    return found


def test_a_list_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytearray] = []
    last = {}

    def step(number: int) -> None:
        kept.append(bytearray(100_000))
        last["batch"] = np.zeros(50_000)  # replaced with each step

    found = kept_by(step, monkeypatch)
    (line,) = [line for line in found.lines if line.bytes_per_step > 1000]
    assert line.file.endswith("test_growth.py")
    assert line.bytes_per_step == pytest.approx(100_000, rel=0.01)
    assert line.graphs_per_step == line.tensors_per_step == 0
    assert found.bytes_per_step == pytest.approx(100_000, rel=0.05)


def test_losses_that_keep_their_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Linear(100, 100)
    losses: list[torch.Tensor] = []
    numbers: list[float] = []

    def step(number: int) -> None:
        loss = model(torch.ones(8, 100)).square().mean()
        loss.backward()
        losses.append(loss)
        numbers.append(loss.item())

    found = kept_by(step, monkeypatch)
    assert found.lines[0].graphs_per_step == found.lines[0].tensors_per_step == 1
    assert found.lines[0].file.endswith("test_growth.py")
    assert all(line.graphs_per_step == 0 for line in found.lines[1:])


def test_tensors_that_stay_have_the_size_of_their_data(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[torch.Tensor] = []

    def step(number: int) -> None:
        outputs.append(torch.zeros(1000, 100))

    found = kept_by(step, monkeypatch)
    assert found.lines[0].bytes_per_step == pytest.approx(400_000, rel=0.01)
    assert (found.lines[0].tensors_per_step, found.lines[0].graphs_per_step) == (1, 0)


def test_what_is_let_go_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    last: dict[int, Any] = {}

    def step(number: int) -> None:
        last[number % 2] = [np.zeros(10_000), torch.zeros(10_000)]
        cycle: list[Any] = [np.zeros(10_000)]
        cycle.append(cycle)

    found = kept_by(step, monkeypatch)
    assert not found.lines
    assert abs(found.bytes_per_step) < 100_000


@pytest.mark.parametrize(
    "levels",
    [
        (100 * MB, 100 * MB, 100 * MB),
        (100 * MB, 200 * MB, 200 * MB),  # filled once
        (100 * MB, 100 * MB, 200 * MB),
        (9000 * MB, 9020 * MB, 9040 * MB),  # breathing
        (-1, -1, -1),
        (100 * MB, 150 * MB),
    ],
)
def test_steady_memory_is_not_traced(levels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not grown(levels, monkeypatch).begin()
    assert not tracemalloc.is_tracing()


def test_a_script_that_traces_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tracemalloc.start()
    watch = grown(GROWN, monkeypatch)
    assert not watch.begin()
    watch.abandon()
    assert tracemalloc.is_tracing()


def test_what_fails_within_is_noted_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr(growth.recorder, "note", lambda kind, **fields: notes.append(fields["text"]))

    def fail(*args: Any) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(growth, "_census", fail)
    watch = grown(GROWN, monkeypatch)
    assert watch.begin()
    assert watch.step_ended()
    monkeypatch.setattr(torch, "set_anomaly_enabled", fail)
    assert not grown(GROWN, monkeypatch).begin()
    assert not tracemalloc.is_tracing()
    assert len(notes) == 2


def test_an_early_end_stops_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = grown(GROWN, monkeypatch)
    assert watch.begin()
    watch.abandon()
    assert not tracemalloc.is_tracing()
