"""Ranges of the script: nested, ended out of order, in threads and generators; none without a profile."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import throughput
from tests.unit.collect.lock_runs import INPROCESS

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
regions: Any = importlib.import_module("throughput_inprocess.regions")
clock: Any = importlib.import_module("throughput_inprocess.clock")


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, tuple[str, ...]]]:
    """Return the paths by number; segments go to `regions.recorder.rows`."""
    names: dict[int, tuple[str, ...]] = {0: ()}

    def note(kind: str, **fields: Any) -> None:
        if kind == "region":
            names[fields["id"]] = tuple(fields["names"])

    monkeypatch.setattr(regions.recorder, "note", note)
    monkeypatch.setattr(regions.recorder, "rows", [])
    regions.forget()
    clock.forget()
    yield names
    regions.forget()
    clock.forget()


def seen(names: dict[int, tuple[str, ...]], thread: int | None = None) -> list[tuple[str, ...]]:
    """Return the path of each segment so far, of this thread."""
    clock.clock().edge()
    mine = thread or threading.get_ident()
    rows = [row for row in regions.recorder.rows if row[0] == 1 and row[1] == mine]
    return [names[row[7]] for row in rows]


def test_nested_regions_are_paths(recorded: dict[int, tuple[str, ...]]) -> None:
    with regions.Region("update"):
        with regions.Region("loss"):
            pass
        with regions.Region("loss"):
            pass
    outer, inner = ("update",), ("update", "loss")
    assert seen(recorded) == [(), outer, inner, outer, inner, outer, ()]
    assert len(recorded) == 3


def test_the_outer_one_may_end_first(recorded: dict[int, tuple[str, ...]]) -> None:
    outer, inner = regions.Region("outer"), regions.Region("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    assert seen(recorded) == [(), ("outer",), ("outer", "inner"), ("inner",), ()]


def test_an_error_ends_a_region(recorded: dict[int, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="x"), regions.Region("a"):
        raise ValueError("x")
    assert seen(recorded)[-1] == ()


def test_a_generator_keeps_its_region_until_it_ends(recorded: dict[int, tuple[str, ...]]) -> None:
    def batches() -> Iterator[int]:
        with regions.Region("batches"):
            yield from range(2)

    for _ in batches():
        with regions.Region("work"):
            pass
    inner = ("batches", "work")
    assert seen(recorded) == [(), ("batches",), inner, ("batches",), inner, ("batches",), ()]


def test_each_thread_has_its_own(recorded: dict[int, tuple[str, ...]]) -> None:
    idents = []

    def other() -> None:
        idents.append(threading.get_ident())
        with regions.Region("theirs"):
            pass

    with regions.Region("mine"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen(recorded) == [(), ("mine",), ()]
    clock.clock()
    theirs = [recorded[row[7]] for row in regions.recorder.rows if row[0] == 1 and row[1] == idents[0]]
    assert theirs == [(), ("theirs",)]


def test_too_many_names_count_for_what_is_around_them(recorded: dict[int, tuple[str, ...]]) -> None:
    with regions.Region("loop"):
        for number in range(regions.NUMBERS_MAX + 20):
            with regions.Region("x" * number):
                pass
        assert len(recorded) == regions.NUMBERS_MAX + 1
        assert seen(recorded)[-1] == ("loop",)


def test_names_that_differ_in_many_numbers_are_one_region(recorded: dict[int, tuple[str, ...]]) -> None:
    for number in range(100):
        with regions.Region(f"step {number}"), regions.Region(f"layer {number % 4}"):
            pass
    names = set(seen(recorded))
    assert ("step 3", "layer 3") in names
    assert ("step #", "layer 3") in names
    assert ("step 50", "layer 2") not in names
    assert len(names) == 1 + 2 * (regions.ALIKE_MAX + 1) + 3


def test_nvtx_pops_what_it_pushed_last(recorded: dict[int, tuple[str, ...]]) -> None:
    push, pop = regions.wrap_push(lambda msg: 1), regions.wrap_pop(lambda: 2)
    assert push("forward") == 1
    with regions.Region("loss"):
        push("matmul")
        assert pop() == 2
    pop()
    pop()
    outer = ("forward",)
    assert seen(recorded) == [
        (),
        outer,
        (*outer, "loss"),
        (*outer, "loss", "matmul"),
        (*outer, "loss"),
        outer,
        (),
    ]


def test_a_push_that_fails_is_no_range(recorded: dict[int, tuple[str, ...]]) -> None:
    def broken(msg: str) -> int:
        raise RuntimeError("no NVTX")

    with pytest.raises(RuntimeError, match="no NVTX"):
        regions.wrap_push(broken)("forward")
    assert seen(recorded) == [()]


def test_a_framework_s_method_is_one_range_whoever_names_it(recorded: dict[int, tuple[str, ...]]) -> None:
    def training_step(self: object, batch: int) -> int:
        return batch + 1

    method = regions.named(training_step)
    assert method(None, 1) == 2
    with regions.Region("GRPOTrainer.training_step"):
        method(None, 1)
    assert seen(recorded) == [(), ("training_step",), (), ("GRPOTrainer.training_step",), ()]


def test_ranges_of_torch_are_no_regions(recorded: dict[int, tuple[str, ...]]) -> None:
    made = type("record_function", (), {})()
    enter, leave = regions.wrap_enter(lambda self: self), regions.wrap_exit(lambda self, *about: None)
    for name in ("Optimizer.step#SGD.step", "enumerate(DataLoader)#x.__next__", "ProfilerStep#3", None):
        made.name = name
        assert enter(made) is made
        leave(made, None, None, None)
    assert len(recorded) == 1
    made.name = "reward"
    enter(made)
    leave(made, None, None, None)
    assert seen(recorded) == [(), ("reward",), ()]


def test_without_a_profile_a_region_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "throughput_inprocess.regions", None)
    with throughput.region("reward") as made:
        assert made is None
    assert throughput.region("a") is throughput.region("b")


def test_with_a_profile_it_is_a_range(recorded: dict[int, tuple[str, ...]]) -> None:
    with throughput.region("reward"):
        pass
    assert seen(recorded) == [(), ("reward",), ()]
