"""Reading cProfile's counts: who called whom, seen through wrappers of ours, whatever the file says."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from throughput.align.calls import read_calls
from throughput.align.frames import FrameReader
from throughput.model.timeline import ALREADY_RUNNING, Call

OURS = "/x/throughput_inprocess/patches.py"


def read(rows: list[Any], callers: list[Any] | None = None) -> dict[str, Call]:
    data: dict[str, Any] = {"pid": 1, "role": "training", "rows": rows}
    if callers is not None:
        data["callers"] = callers
    found = read_calls(io.BytesIO(json.dumps(data).encode()), FrameReader("/w"))
    return {call.function: call for call in found}


def test_a_wrapper_of_ours_stands_for_those_who_called_it() -> None:
    rows = [
        ["/w/train.py", 1, "train", 1, 5, 100],
        ["/w/eval.py", 2, "evaluate", 1, 5, 300],
        [OURS, 9, "timed", 4, 2, 80],
        ["/lib/python3.11/site-packages/torch/a.py", 3, "backward", 4, 76, 76],
    ]
    callers = [[0, -1, 1, 5, 100], [2, 0, 1, 1, 20], [2, 1, 3, 1, 60], [3, 2, 4, 76, 76]]
    found = read(rows, callers)
    assert sorted(found) == ["backward", "evaluate", "train"]
    assert found["train"].callers == ((*ALREADY_RUNNING, 1, 5, 100),)
    assert sorted(found["backward"].callers) == [
        ("eval.py", 2, "evaluate", 3, 57, 57),
        ("train.py", 1, "train", 1, 19, 19),
    ]


def test_a_file_without_callers_is_read() -> None:
    assert read([["/w/train.py", 1, "train", 1, 5, 100]])["train"].callers == ()


numbers = st.integers(-3, 6)
amounts = st.integers(0, 2**40)
rows_ = st.lists(
    st.tuples(st.sampled_from(["/w/a.py", OURS, "~"]), numbers, st.sampled_from("fgh"), *[amounts] * 3),
    max_size=5,
)


@given(rows_, st.lists(st.tuples(numbers, numbers, amounts, amounts, amounts), max_size=12))
def test_any_callers_are_read_within_the_rows(rows: list[Any], callers: list[Any]) -> None:
    for call in read(rows, callers).values():
        assert all("throughput_inprocess" not in caller[0] for caller in call.callers)
