"""What a batch holds: samples, tokens and padding, by known names or by the path that --unit gives."""

from __future__ import annotations

import importlib
import json
import sys
from collections import UserDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.collect.lock_runs import INPROCESS
from throughput.collect.options import ProfileOptions, check
from throughput.collect.unit_path import paths_of
from throughput.errors import UsageError

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
useful: Any = importlib.import_module("throughput_inprocess.useful")


class Tensor:
    """As much of torch's tensor as is asked of a batch."""

    def __init__(self, values: Any) -> None:
        self.values_ = np.asarray(values)
        self.shape = self.values_.shape
        self.device = type("device", (), {"type": "cpu"})()

    def numel(self) -> int:
        return int(self.values_.size)

    def dim(self) -> int:
        return self.values_.ndim

    def is_floating_point(self) -> bool:
        return self.values_.dtype.kind == "f"

    def sum(self) -> int:
        return int(self.values_.sum())

    def __ne__(self, other: object) -> Any:
        return Tensor(self.values_ != other)

    __hash__ = None  # type: ignore[assignment]

    def __int__(self) -> int:
        return int(self.values_)


IDS = Tensor([[5, 6, 7, 0], [8, 9, 0, 0]])
MASK = Tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
LABELS = Tensor([[5, 6, 7, -100], [8, -100, -100, -100]])


@pytest.fixture(autouse=True)
def anew() -> Any:
    useful.forget()
    useful.asked.clear()
    rows: list[Any] = []
    before, useful.recorder.rows = useful.recorder.rows, rows
    yield rows
    useful.recorder.rows = before
    useful.asked.clear()


@pytest.mark.parametrize(
    ("batch", "counted"),
    [
        ({"input_ids": IDS, "attention_mask": MASK}, (2, 8)),
        (UserDict({"input_ids": IDS}), (2, 8)),
        (({"input_ids": IDS}, Tensor([1, 2])), (2, 8)),
        ({"attention_mask": MASK}, (2, 8)),
        ({"embeddings": Tensor(np.zeros((2, 4, 3))), "labels": LABELS}, (2, 8)),
        ({"pixels": Tensor(np.zeros((2, 3, 8, 8))), "labels": Tensor([1, 2])}, (2, 0)),
        ({"pixels": Tensor(np.zeros((2, 3, 8, 8))), "labels": Tensor([[0.5, 1.0]] * 2)}, (2, 0)),
        ([Tensor(np.zeros((3, 5))), Tensor([1, 2, 3])], (3, 0)),
        (["a", "b"], (0, 0)),
        ({"input_ids": [[1, 2], [3]]}, (0, 0)),
        (None, (0, 0)),
        (7, (0, 0)),
    ],
)
def test_samples_and_tokens(batch: Any, counted: tuple[int, int]) -> None:
    assert useful.counted(batch) == counted


@pytest.mark.parametrize(
    ("batch", "row"),
    [
        ({"input_ids": IDS, "attention_mask": MASK, "labels": LABELS}, (8, 5, 0)),
        ({"input_ids": IDS, "labels": LABELS}, (8, 4, 1)),
        ({"input_ids": IDS}, None),
        ({"attention_mask": Tensor(np.ones((2, 1, 4, 4)))}, None),
        ([IDS], None),
    ],
)
def test_padding(anew: list[Any], batch: Any, row: tuple[int, int, int] | None) -> None:
    useful.note_padding(batch, 77, True, True)
    assert [found[4:7] for found in anew] == ([row] if row else [])
    assert all(found[:4] == (20, 0, 77, 0) for found in anew)


def test_masks_of_the_training_thread_are_summed_now_and_then(anew: list[Any]) -> None:
    for _ in range(3 * useful.EVERY):
        useful.note_padding({"attention_mask": MASK}, 1, False, True)
    assert len(anew) == 3
    for _ in range(5):
        useful.note_padding({"attention_mask": MASK}, 1, False, False)
    assert len(anew) == 8


def test_a_unit_is_where_the_path_leads() -> None:
    useful.ask(paths_of(["tokens=batch['words']", "samples=batch.sizes[0].shape[1]"]))
    batch = {"words": IDS, "sizes": [Tensor(np.zeros((2, 6)))]}
    assert useful.counted(batch) == (6, 8)
    useful.ask(paths_of(["samples=words"]))
    assert useful.counted(batch) == (2, 8)


def test_a_path_that_leads_nowhere_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(useful.recorder, "note", lambda kind, text: told.append(text))
    useful.ask(paths_of(["tokens=wrong"]))
    for _ in range(3):
        assert useful.counted({"words": IDS}) == (2, 0)
    (text,) = told
    assert "--unit tokens" in text
    assert "which has words" in text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tokens=input_ids", ("input_ids",)),
        ("tokens=batch['my ids'][-1]", ("my ids", -1)),
        ("tokens=[0].a.b[2]", (0, "a", "b", 2)),
        ("tokens=batch", None),
        ("tokens=", None),
        ("tokens=a.__class__", None),
        ("tokens=len(a)", None),
        ("tokens=a b", None),
        ("tokens=a[0", None),
        ("frames=a", None),
        ("a", None),
    ],
)
def test_paths_hold_names_and_indices_alone(text: str, path: tuple[Any, ...] | None) -> None:
    if path is None:
        with pytest.raises(UsageError):
            check(ProfileOptions(script="train.py", unit=(text,)))
    else:
        options = ProfileOptions(script="train.py", unit=(text,))
        check(options)
        assert json.loads(json.dumps(options.in_process()["unit"])) == {"tokens": list(path)}
