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
