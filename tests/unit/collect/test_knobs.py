"""Settings that a trial changes: a loader's arguments, threads, cached batches; torch is stood in for."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.collect.lock_runs import INPROCESS

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
knobs: Any = importlib.import_module("throughput_inprocess.knobs")
backwards: Any = importlib.import_module("throughput_inprocess.backwards")


class DataLoader:
    """Remembers what it was given; gives numbered batches as lists."""

    def __init__(self, dataset: Any, batch_size: int = 1, **given: Any) -> None:
        self.dataset = dataset
        self.given = given | {"batch_size": batch_size}

    def __iter__(self) -> Iterator[Any]:
        return iter([[number] for number in range(len(self))])

    def __len__(self) -> int:
        return len(self.dataset)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = type("DataLoader", (DataLoader,), dict(vars(DataLoader)))
    data = types.ModuleType("torch.utils.data")
    data.DataLoader = made  # type: ignore[attr-defined]
    module = types.ModuleType("torch")
    threads: list[int] = []
    module.set_num_threads = threads.append  # type: ignore[attr-defined]
    module.threads = threads  # type: ignore[attr-defined]
    module.loader = made  # type: ignore[attr-defined]
    utils = types.ModuleType("torch.utils")
    for name, one in (("torch", module), ("torch.utils", utils), ("torch.utils.data", data)):
        monkeypatch.setitem(sys.modules, name, one)
    return module


def test_a_loaders_arguments_are_replaced(torch: Any) -> None:
    knobs.turn(torch, {"num_workers": 2, "prefetch_factor": 8})
    made = torch.loader(range(10), 4, shuffle=True, num_workers=0)
    assert made.given == {"batch_size": 4, "shuffle": True, "num_workers": 2, "prefetch_factor": 8}


def test_without_workers_what_needs_them_goes_too(torch: Any) -> None:
    knobs.turn(torch, {"num_workers": 0})
    made = torch.loader(range(10), num_workers=4, prefetch_factor=4, persistent_workers=True)
    assert made.given == {"batch_size": 1, "num_workers": 0}


def test_the_scripts_own_threads_dont_undo_the_trial(torch: Any) -> None:
    knobs.turn(torch, {"threads": 3})
    torch.set_num_threads(16)
    assert torch.threads == [3]


def test_cached_batches_go_round_for_as_long_as_the_loader_would(torch: Any) -> None:
    knobs.turn(torch, {"cached": True})
    batches = list(torch.loader(range(10)))
    assert [batch[0] for batch in batches] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    batches[0].clear()  # each is a copy: what a trainer does to one is not seen in the next
    assert batches[4] == [0]
    assert list(torch.loader(range(0))) == []


def test_other_settings_leave_the_loader_alone(torch: Any) -> None:
    before = vars(torch.loader)["__init__"]
    knobs.turn(torch, {"threads": 1})
    assert vars(torch.loader)["__init__"] is before


def test_batches_of_twice_the_size(torch: Any, notes: list[dict[str, Any]]) -> None:
    knobs.turn(torch, {"batch_scale": 2})
    assert torch.loader(range(10), 4).given == {"batch_size": 8}
    assert torch.loader(range(10)).given == {"batch_size": 2}
    assert notes == [{"kind": "knob", "name": "batch_scale"}]


def test_batches_that_the_script_makes_itself_keep_their_size(
    torch: Any, notes: list[dict[str, Any]]
) -> None:
    knobs.turn(torch, {"batch_scale": 2})
    assert torch.loader(range(10), batch_size=None).given == {"batch_size": None}
    assert torch.loader(range(10), batch_sampler=[[0]]).given == {"batch_size": 1, "batch_sampler": [[0]]}
    assert notes == []


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(knobs, "_applied", set())
    monkeypatch.setattr(knobs.recorder, "note", lambda kind, **more: found.append({"kind": kind, **more}))
    return found


class Engine:
    """Stands in for autograd's entry: counts calls, and ends a loop that would never end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        module = types.ModuleType("torch.autograd")
        module._engine_run_backward = self.run  # type: ignore[attr-defined]
        self.module = module
        monkeypatch.setitem(sys.modules, "torch.autograd", module)
        monkeypatch.delitem(sys.modules, "torch.autograd.graph", raising=False)
        monkeypatch.setattr(backwards, "_state", {"count": 0, "wrapped": 0})
        monkeypatch.setattr(backwards, "_listeners", [])
        monkeypatch.setattr(backwards, "_losses", [])
        monkeypatch.setattr(knobs, "_fed", set())

    def run(self, *_outputs: Any) -> None:
        self.calls += 1

    def backward(self, loss: Any = None) -> None:
        self.module._engine_run_backward((loss,))  # type: ignore[attr-defined]


class Steps:
    """Stands in for the controller: takes marks, and stops the script after some."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.marks = 0
        self.finder = types.SimpleNamespace(asked_for=None)

    def mark(self, kind: str, *_more: Any) -> None:
        assert kind == "marker"
        self.marks += 1
        if self.marks >= self.most:
            raise SystemExit


def test_the_loader_alone_goes_on_epoch_after_epoch(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, steps = Engine(monkeypatch), Steps(25)
    monkeypatch.setattr(knobs.control, "controller", steps)
    knobs.turn(torch, {"loader_only": True})
    assert steps.finder.asked_for
    assert len(list(torch.loader(range(5)))) == 5  # an evaluation before the training
    trained: list[Any] = []
    with pytest.raises(SystemExit):
        trained.extend(map(engine.backward, torch.loader(range(10))))
    assert (engine.calls, steps.marks) == (2, 25)


def test_a_script_that_only_reads_has_its_loader_alone_too(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine(monkeypatch)
    steps = Steps(10)
    monkeypatch.setattr(knobs.control, "controller", steps)
    knobs.turn(torch, {"loader_only": True})
    read = iter(torch.loader(range(100)))
    assert len([next(read) for _ in range(50)]) == 50
    with pytest.raises(SystemExit):
        next(read)


def test_a_training_without_a_loader_is_given_up(
    torch: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(monkeypatch)
    knobs.turn(torch, {"loader_only": True})
    with pytest.raises(SystemExit):
        list(map(engine.backward, range(1000)))
    assert engine.calls == 60
    assert "no DataLoader feeds this training" in capsys.readouterr().err


class Loss:
    def __init__(self, value: float, numbers: int = 1) -> None:
        self.value = value
        self.numbers = numbers

    def numel(self) -> int:
        return self.numbers

    def detach(self) -> float:
        return self.value


def test_losses_are_noted(torch: Any, monkeypatch: pytest.MonkeyPatch, notes: list[dict[str, Any]]) -> None:
    engine = Engine(monkeypatch)
    knobs.turn(torch, {"losses": True})
    for loss in (Loss(2.0), Loss(1.0, numbers=3), Loss(float("nan")), Loss(0.5), None):
        engine.backward(loss)
    backwards.note_losses()
    backwards.note_losses()
    assert notes == [{"kind": "losses", "values": [2.0, None, 0.5]}]
