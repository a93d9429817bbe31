"""What the training process writes, read back: rows, notes and the shared page, against damaged files too."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align.events import LATEST_NS, Kind, read_events
from throughput.align.notes import Notes, read_notes
from throughput.collect import live_page
from throughput.errors import DamagedFile
from throughput.model.category import Phase

INPROCESS = Path(__file__).parents[3] / "throughput" / "collect" / "inprocess"


def inside(name: str) -> Any:
    """Import a module of what runs inside the script, as its process does: by path, a package of its own."""
    if str(INPROCESS) not in sys.path:
        sys.path.append(str(INPROCESS))
    return importlib.import_module(f"throughput_inprocess.{name}")


recorder = inside("recorder")
live = inside("live")

TIMES = st.integers(0, LATEST_NS - 1)
FIELDS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.sampled_from(list(Kind)), FIELDS, TIMES, TIMES, *[FIELDS] * 4), max_size=20)


@given(ROWS)
def test_rows_come_back_as_they_were_written(rows: list[tuple[int, ...]]) -> None:
    data = b"".join(recorder._ROW.pack(*map(int, row)) for row in rows)
    events = read_events(io.BytesIO(data))
    for kind in Kind:
        assert events.of(kind).tolist() == [list(row[1:]) for row in rows if row[0] == kind]


def test_a_process_writes_rows_and_notes(tmp_path: Path) -> None:
    own = recorder.Recorder()
    own.note("start", t=1)  # before the rank's folder is known
    own.rows.append((recorder.STEP, 7, 100, 0, 1, 2, 8, 0))
    own.open(str(tmp_path))
    own.know_thread()
    own.know_thread()
    number = own.stack_id(sys._getframe())
    assert own.stack_id(None) == -1
    own.note("odd", text="naïve \ud800 ñ")
    own.flush()
    own.rows.append((recorder.PAUSE, 7, 100, 200, 1, 0, 0, 0))
    own.flush()
    events = read_events((tmp_path / f"events-{os.getpid()}.i64").open("rb"))
    assert events.of(Kind.STEP).tolist() == [[7, 100, 0, 1, 2, 8, 0]]
    assert events.of(Kind.PAUSE).tolist() == [[7, 100, 200, 1, 0, 0, 0]]
    notes = read_notes((tmp_path / f"notes-{os.getpid()}.jsonl").open("rb"))
    assert [n["kind"] for n in notes.rows] == ["start", "thread", "stack", "odd"]
    (stack,) = notes.of("stack")
    assert stack["id"] == number
    function, file, line, first = stack["frames"][-1]
    assert function.endswith("test_a_process_writes_rows_and_notes")
    assert file == __file__
    assert first < line


def test_one_number_a_stack(tmp_path: Path) -> None:
    own = recorder.Recorder()
    frame = sys._getframe()
    assert own.stack_id(frame) == own.stack_id(frame) == 0
    assert own.stack_id(frame) == 1  # another line


def test_a_forked_child_writes_files_of_its_own(tmp_path: Path) -> None:
    own = recorder.Recorder()
    own.open(str(tmp_path))
    own.rows.append((recorder.STEP, 7, 100, 0, 1, 2, 8, 0))
    pid = os.fork()
    if not pid:
        own.after_fork()
        own.rows.append((recorder.PAUSE, 7, 5, 6, 1, 0, 0, 0))
        own.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    own.flush()
    child = read_events((tmp_path / f"events-{pid}.i64").open("rb"))
    assert (len(child.of(Kind.STEP)), len(child.of(Kind.PAUSE))) == (0, 1)
    parent = read_events((tmp_path / f"events-{os.getpid()}.i64").open("rb"))
    assert (len(parent.of(Kind.STEP)), len(parent.of(Kind.PAUSE))) == (1, 0)


def test_kinds_are_those_of_the_writer() -> None:
    control = inside("control")
    for kind in Kind:
        home = control if kind is Kind.RESUME else recorder
        assert getattr(home, kind.name) == int(kind)


def test_phases_are_those_of_the_writer() -> None:
    clock = inside("clock")
    assert {phase.name: getattr(clock, phase.name) for phase in Phase} == {p.name: p.value for p in Phase}


def row(kind: int, t0: int = 5, t1: int = 6) -> bytes:
    return np.array([kind, 1, t0, t1, 0, 0, 0, 0], dtype="<i8").tobytes()


def test_a_cut_off_last_row_is_left_out() -> None:
    assert len(read_events(io.BytesIO(row(2) + row(2)[:-1])).rows) == 1


def test_rows_of_unknown_kinds_or_impossible_times_are_left_out() -> None:
    data = row(2) + row(99) + row(-1) + row(2, t0=-5) + row(2, t1=LATEST_NS) + row(10)
    assert read_events(io.BytesIO(data)).rows[:, 0].tolist() == [2, 10]


def test_no_row_that_makes_sense() -> None:
    with pytest.raises(DamagedFile):
        read_events(io.BytesIO(b"\xff" * 640))


def test_an_empty_file_has_no_rows() -> None:
    assert read_events(io.BytesIO(b"")).of(Kind.STEP).shape == (0, 7)


def notes(*rows: Any) -> Notes:
    return read_notes(io.BytesIO("\n".join(json.dumps(r) for r in rows).encode()))


def test_notes_that_lack_what_readers_need_are_left_out() -> None:
    found = notes(
        {"kind": "stack", "id": 1},
        {"kind": "stack", "id": 1, "frames": [["f", "a.py", "seven", 1]]},
        {"kind": "stack", "id": 2**70, "frames": []},
        {"kind": "stack", "id": 3, "frames": [["f", "a.py", 7, 1]]},
        {"kind": "worker"},
        {"kind": "thread", "tid": None},
        {"kind": "loader", "loader": 1, "num_workers": "4", "batch_size": [1]},
        {"kind": "note"},
        {"kind": ["stack"]},
        ["stack"],
        7,
        None,
    )
    assert [n["kind"] for n in found.rows] == ["stack", ["stack"]]
    assert found.first("stack")["id"] == 3


def test_a_number_written_as_text_is_a_number() -> None:
    (loader,) = notes({"kind": "loader", "loader": 1, "num_workers": "4", "pin_memory": 1}).of("loader")
    assert (loader["num_workers"], loader["pin_memory"]) == (4, True)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_notes_or_some(data: bytes) -> None:
    read_notes(io.BytesIO(data))


def test_the_shared_page_has_the_same_slots_on_both_sides() -> None:
    assert live.SLOTS == live_page.SLOTS
    assert (live.MAGIC, live.SIZE) == (live_page.MAGIC, live_page.SIZE)
    assert len(live.SLOTS) * 8 <= live.SIZE
    control = inside("control")
    for number, name in enumerate(live_page.BLOCKS):
        assert getattr(control, name.upper()) == number


def test_both_sides_see_what_the_other_writes(tmp_path: Path) -> None:
    assert live_page.LivePage.open(tmp_path) is None
    inner = live.Page()
    inner.set("asked", 100)  # before the rank's folder is known
    inner.open(str(tmp_path))
    outer = live_page.LivePage.open(tmp_path)
    assert outer is not None
    assert (outer.get("asked"), outer.get("pid"), outer.block) == (100, os.getpid(), "warmup")
    for number, name in enumerate(live.SLOTS[1:], 7):
        inner.set(name, number)
        assert outer.get(name) == number
        outer.set(name, -number)
        assert inner.get(name) == -number


def test_a_second_process_of_the_rank_leaves_the_page_as_it_is(tmp_path: Path) -> None:
    first, second = live.Page(), live.Page()
    first.open(str(tmp_path))
    first.set("kept", 5)
    second.open(str(tmp_path))
    assert second.get("kept") == 5


@pytest.mark.parametrize("data", [b"", b"x", bytes(live.SIZE), b"\xff" * live.SIZE])
def test_a_page_that_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "live").write_bytes(data)
    assert live_page.LivePage.open(tmp_path) is None


def test_a_page_behind_a_link_is_not_opened(tmp_path: Path) -> None:
    inner = live.Page()
    (tmp_path / "real").mkdir()
    inner.open(str(tmp_path / "real"))
    (tmp_path / "live").symlink_to(tmp_path / "real" / "live")
    assert live_page.LivePage.open(tmp_path) is None
