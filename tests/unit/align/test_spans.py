"""What a process times once: written by the real hooks, read back as spans."""

from __future__ import annotations

import importlib
import inspect
import io
import os
import pickle
import sys
import time
import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.unit.align.test_events_and_notes import inside
from throughput.align import spans as reader
from throughput.align.events import read_events
from throughput.align.frames import FrameReader
from throughput.align.notes import Notes, read_notes
from throughput.align.samples import StackTable
from throughput.model.timeline import Span

spans = inside("spans")
recorder = inside("recorder")
PAUSE_S = 0.02


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Have the hooks write into a folder of this test; what it yields reads them back."""
    own = recorder.Recorder()
    (tmp_path / "raw").mkdir()
    own.open(str(tmp_path / "raw"))
    monkeypatch.setattr(spans, "recorder", own)
    bootstrap = sys.modules["_frozen_importlib"]
    monkeypatch.setattr(bootstrap, "_find_and_load", bootstrap._find_and_load)
    monkeypatch.syspath_prepend(str(tmp_path))
    spans.forget()

    def read() -> list[Span]:
        own.flush()
        name = f"events-{os.getpid()}.i64"
        with (tmp_path / "raw" / name).open("rb") as events:
            rows = read_events(events)
        with (tmp_path / "raw" / f"notes-{os.getpid()}.jsonl").open("rb") as file:
            notes = read_notes(file)
        table, frames = StackTable(), FrameReader(str(tmp_path))
        numbers = {
            int(note["id"]): table.add(frames.stack((f[0], f[1], f[2]) for f in note["frames"]))
            for note in notes.of("stack")
        }
        return list(reader.read_spans(rows, notes, numbers, table.done(), 0))

    yield read
    spans.forget()


def test_both_sides_name_the_same_parts() -> None:
    assert [getattr(spans, part.upper()) for part in reader.PARTS] == list(range(len(reader.PARTS)))


def total_s(found: list[Span], part: str, name: str | None = None) -> float:
    """Return how long a part took."""
    chosen = [s for s in found if s.part == part and name in (None, s.name)]
    return sum(s.end_ns - s.start_ns for s in chosen) / 1e9


def test_imports_go_to_the_package_whose_code_runs(written: Any, tmp_path: Path) -> None:
    (tmp_path / "outer_one").mkdir()
    text = f"import time\nimport inner_one\ntime.sleep({PAUSE_S})\n"
    (tmp_path / "outer_one" / "__init__.py").write_text(text)
    (tmp_path / "inner_one.py").write_text(f"import time\ntime.sleep({2 * PAUSE_S})\n")
    spans.watch_imports()
    before = time.monotonic()
    importlib.import_module("outer_one")
    lasted = time.monotonic() - before
    importlib.import_module("outer_one")  # it is there: nothing is loaded
    found = written()
    assert total_s(found, "imports", "outer_one") >= PAUSE_S
    assert total_s(found, "imports", "inner_one") >= 2 * PAUSE_S
    assert total_s(found, "imports") <= lasted
    assert [s.name for s in found] == ["outer_one", "inner_one", "outer_one"]
    assert [s.begins for s in found] == [True, True, False]
    for before_, after in pairwise(found):
        assert before_.end_ns == after.start_ns


def test_an_import_that_fails_shows_nothing_of_ours(written: Any, tmp_path: Path) -> None:
    (tmp_path / "broken_one.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "wrong_one.py").write_text("1 / 0\n")
    spans.watch_imports()
    for name, kind in (("broken_one", ImportError), ("wrong_one", ZeroDivisionError)):
        with pytest.raises(kind) as raised:
            exec(f"import {name}", {})
        shown = "".join(traceback.format_tb(raised.value.__traceback__))
        assert "throughput_inprocess" not in shown
        assert "importlib" not in shown
    assert {s.name for s in written()} == {"broken_one", "no_such_module_at_all", "wrong_one"}


def test_what_is_called_after_an_import_can_not_break_it(
    written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_one.py").write_text("value = 3\n")
    monkeypatch.setattr(spans, "after_import", [lambda: 1 / 0])
    spans.watch_imports()
    assert importlib.import_module("plain_one").value == 3


class Base:
    """Stands for torch's Dataset."""


spans.watch_classes(Base, spans.DATA_SET)


class Digits(Base):
    """A data set that takes its time."""

    def __init__(self, size: int, *, pause_s: float = PAUSE_S) -> None:
        """Sleep."""
        self.callers = [frame.function for frame in inspect.stack()]
        time.sleep(pause_s)
        self.size = size


class More(Digits):
    """One that calls another's."""

    def __init__(self) -> None:
        """Make both."""
        super().__init__(5)
        time.sleep(PAUSE_S)


class Same(Digits):
    """One without an __init__ of its own."""


def test_the_making_of_instances_is_timed_once_and_under_the_class_that_is_made(written: Any) -> None:
    made = [Digits(3), More(), Same(4, pause_s=0)]
    assert [one.size for one in made] == [3, 5, 4]
    found = written()
    assert [s.name for s in found] == ["Digits", "More", "Same"]
    assert {s.part for s in found} == {"data_set"}
    assert total_s(found, "data_set", "More") >= 2 * PAUSE_S
    # Between a class and its base stands no frame of ours: some libraries walk them.
    assert made[1].callers[:2] == ["__init__", "__init__"]


def test_a_class_looks_as_it_did(written: Any) -> None:
    assert inspect.signature(Digits).parameters.keys() == {"size", "pause_s"}
    assert inspect.isfunction(Digits.__init__)
    assert Digits.__init__.__qualname__ == "Digits.__init__"
    assert pickle.loads(pickle.dumps(Digits)) is Digits
    function, arguments = vars(Digits)["__init__"].__reduce__()
    assert function(*arguments) is Digits.__init__  # pickled by value it is the function itself
    with pytest.raises(TypeError):
        Digits()  # type: ignore[call-arg]
    assert not written() or written()[-1].name == "Digits"


class Model:
    """Stands for torch's Module."""

    def __init__(self) -> None:
        """Train."""
        self.training = True

    def train(self, mode: bool = True) -> Model:
        """Change the mode."""
        self.training = mode
        return self


def test_an_evaluation_lasts_until_a_model_is_to_train(written: Any) -> None:
    model, before = Model(), Model.train
    spans.begin_evaluation(Model, sys._getframe())
    spans.begin_evaluation(Model, sys._getframe())  # another model: the same evaluation
    model.train(False)
    time.sleep(PAUSE_S)
    assert model.train() is model
    assert model.training
    assert Model.train is before
    model.train()
    (span,) = written()
    assert span.part == "evaluation"
    assert span.end_ns - span.start_ns >= PAUSE_S * 1e9
    assert "test_an_evaluation_lasts_until_a_model_is_to_train" in span.name
    assert "test_spans.py:" in span.name


def test_names_and_stacks_that_are_not_there_leave_a_span_without_a_name() -> None:
    rows = b"".join(
        recorder._ROW.pack(12, 1, 10, 20, part, name, stack, 1)
        for part, name, stack in ((0, 7, -1), (3, -1, 9), (4, -1, -1), (99, 0, 0), (-1, 0, 0))
    )
    rows += recorder._ROW.pack(12, 1, 30, 20, 0, 0, -1, 1)  # ends before it begins
    events, nothing = read_events(io.BytesIO(rows)), StackTable().done()
    found = reader.read_spans(events, Notes([]), {}, nothing, 1)
    assert [(s.part, s.name) for s in found] == [("imports", ""), ("evaluation", ""), ("checkpoint", "")]
    # What another thread saves holds up nobody.
    assert [s.part for s in reader.read_spans(events, Notes([]), {}, nothing, 2)] == ["imports", "evaluation"]


def test_the_life_of_a_process() -> None:
    notes = Notes([{"kind": "start", "t": 5}, {"kind": "training", "began": 1}, {"kind": "exit", "t": 90}])
    assert reader.life_of(notes) == {"began_ns": 1, "started_ns": 5, "stopped_ns": None, "exit_ns": 90}
