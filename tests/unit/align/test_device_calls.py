"""Lines of copies and waits: told by the light timers' stand-ins, in stacks and in notes."""

from __future__ import annotations

from typing import Any

from throughput.align.device_calls import placed_calls
from throughput.align.frames import FrameReader
from throughput.align.phases import phase_of
from throughput.model.category import Phase
from throughput.model.timeline import COPY_FRAME, LOCK_FRAME, READ_FRAME, Frame, Stacks

OURS = "/venv/throughput_inprocess/patches.py"
TRAIN = Frame(function="train", file="train.py", line=4, own=True)
COLLATE = Frame(function="send", file="train.py", line=9, own=True)
LIBRARY = Frame(function="to_device", file="lightning/utils.py", line=5, own=False)


def row(**fields: Any) -> dict[str, Any]:
    return {"ns": 5, "count": 1, "place": None, **fields}


def test_the_line_that_took_longest_is_named() -> None:
    stacks = Stacks(frames=(TRAIN, COLLATE, LIBRARY), stacks=((0,), (0, 1), (0, 2), (2,)))
    calls = [
        {"call": "to", "stack": 10, "count": 3, "ns": 50},
        {"call": "to", "stack": 11, "count": 3, "ns": 70},
        {"call": "to", "stack": 12, "count": 3, "ns": 60},  # a library's call, from train.py:4 too
        {"call": "__bool__", "stack": 10, "count": 3, "ns": 5},
        {"call": "item", "stack": 99, "count": 3, "ns": 900},  # of a stack that is lost
        {"call": "to", "stack": 13, "count": 3, "ns": 999},  # no own code on it
    ]
    told = {
        "copies": [row(direction="h2d"), row(direction="d2h"), row(direction="h2d", place="known.py:1")],
        "syncs": [row(name="aten::_local_scalar_dense"), row(name="cudaDeviceSynchronize")],
        "steps": 3,
    }
    found = placed_calls(told, calls, {10: 0, 11: 1, 12: 2, 13: 3}, stacks)
    assert [one["place"] for one in found["copies"]] == ["train.py:4", None, "known.py:1"]
    assert [one["place"] for one in found["syncs"]] == ["train.py:4", None]
    assert found["steps"] == 3


def test_a_stack_within_a_copy_or_a_wait_says_so() -> None:
    reader = FrameReader("/project")
    script = ("main", "/project/train.py", 3)
    for function, leaf, phase in (("_send", COPY_FRAME, Phase.COPY), ("_read", READ_FRAME, Phase.SYNC)):
        frames = reader.stack([script, ("to", OURS, 9), (function, OURS, 20)])
        assert frames[-1] == leaf
        assert phase_of(frames) is phase
    other = reader.stack([script, ("timed", OURS, 9)])
    assert [frame.function for frame in other] == ["main"]
    locked = reader.stack([script, ("acquire", "/venv/throughput_inprocess/locks.py", 5)])
    assert locked[-1] == LOCK_FRAME
