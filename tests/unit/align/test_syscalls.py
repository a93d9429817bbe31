"""Files of system calls are read into columns, and damaged or hostile ones do no harm."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align.syscalls import read_syscalls
from throughput.errors import DamagedFile
from throughput.model.timeline import KINDS

ROW = struct.Struct("<6q")


def rows(*values: tuple[int, ...]) -> io.BytesIO:
    return io.BytesIO(b"".join(ROW.pack(*row) for row in values))


def test_rows_become_columns_in_time_order() -> None:
    raw = read_syscalls(rows((200, 7, 8, 1, 4096, 100), (100, 7, 8, 0, 0, 50), (100, 7, 9, 5, 0, 60)))
    assert raw.time_ns.tolist() == [100, 100, 200]
    assert raw.pid.tolist() == [7, 7, 7]
    assert raw.native_id.tolist() == [8, 9, 8]
    assert [KINDS[k] for k in raw.kind] == ["running", "poll", "gil"]
    assert raw.address.tolist() == [0, 0, 4096]
    assert raw.weight_ns.tolist() == [50, 60, 100]


def test_a_cut_off_row_and_rows_that_make_no_sense_are_left_out() -> None:
    good = ROW.pack(100, 7, 8, 0, 0, 50)
    bad = [(100, 7, 8, 99, 0, 50), (-1, 7, 8, 0, 0, 0), (100, 7, 8, 0, 0, 101), (1 << 62, 7, 8, 0, 0, 5)]
    raw = read_syscalls(io.BytesIO(good + b"".join(ROW.pack(*row) for row in bad) + good[:20]))
    assert raw.time_ns.tolist() == [100]


def test_an_empty_file_has_no_rows() -> None:
    assert len(read_syscalls(io.BytesIO()).time_ns) == 0


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(DamagedFile):
        read_syscalls(io.BytesIO(b"\xff" * 480))


@given(st.binary(max_size=480))
def test_any_bytes_give_sound_columns_or_are_refused(data: bytes) -> None:
    try:
        raw = read_syscalls(io.BytesIO(data))
    except DamagedFile:
        return
    lengths = {
        len(column) for column in (raw.time_ns, raw.pid, raw.native_id, raw.kind, raw.address, raw.weight_ns)
    }
    assert len(lengths) == 1
    assert ((raw.kind >= 0) & (raw.kind < len(KINDS))).all()
    assert ((raw.weight_ns >= 0) & (raw.weight_ns <= raw.time_ns)).all()
