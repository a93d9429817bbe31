"""Counts: exact where they never vary, changed where they can't be noise, and where they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compare import samples as s
from throughput.compare.counted import counts_of
from throughput.compare.counting import changed, merged
from throughput.model.benchmark import SavedCount
from throughput.model.category import Block
from throughput.model.timeline import Call, Frame, Operators, Stacks, Step, Timeline
from throughput.model.verdict import CountRow


def timeline(*, each: int = 2, odd: int = 0, calls: int = 8, steps: int = 10) -> Timeline:
    """Return a run with so many mm a step (`odd` more in the last one), and calls of an own function."""
    torch = [Step(index=n, start_ns=n * 100, end_ns=n * 100 + 100, block=Block.TORCH) for n in range(steps)]
    counted = [
        Step(
            index=steps + n, start_ns=(steps + n) * 100, end_ns=(steps + n) * 100 + 100, block=Block.CPROFILE
        )
        for n in range(steps)
    ]
    starts = [n * 100 + 10 + k for n in range(steps) for k in range(each + (odd if n == steps - 1 else 0))]
    begin = np.array(starts, dtype=np.int64)
    own = Call(
        function="augment", file="train.py", line=7, calls=calls * steps, self_ns=1, total_ns=1,
        role="training", own=True,
    )  # fmt: skip
    item = Call(
        function="<method 'item' of 'torch._C.TensorBase' objects>", file="~", line=0, calls=steps, self_ns=1,
        total_ns=1, role="training", callers=(("train.py", 7, "augment", steps, 1, 1),),
    )  # fmt: skip
    library = replace(own, function="inner", file="torch/x.py", own=False)
    return Timeline(
        rank=0,
        steps=(*torch, *counted),
        tracks=(),
        operators=Operators(
            names=("aten::mm",), name=begin * 0, start_ns=begin, end_ns=begin + 1,
            inner_counts={"aten::mm": len(starts), "aten::inner": 3 * steps},
        ),
        calls=(own, item, library),
        facts={"compile": {"graph_breaks": 1, "recompiles": 2, "unique_graphs": None}},
    )  # fmt: skip


def by_name(counts: tuple[SavedCount, ...]) -> dict[str, SavedCount]:
    return {one.name: one for one in counts}


def test_what_every_step_does_is_exact() -> None:
    found = by_name(counts_of(timeline()))
    assert (found["aten::mm"].per_step, found["aten::mm"].exact) == (2.0, True)
    assert (found["aten::inner"].per_step, found["aten::inner"].exact) == (3.0, True)
    assert (found["augment"].per_step, found["augment"].where) == (8.0, "train.py:7")
    item = next(one for name, one in found.items() if "item" in name)
    assert (item.kind, item.where) == ("builtin", "train.py:7")
    assert found["graph_breaks"].exact
    assert not found["recompiles"].exact
    assert "inner" not in found
    assert "unique_graphs" not in found


def test_what_one_step_does_more_of_is_not_exact_even_where_the_sum_divides() -> None:
    assert not by_name(counts_of(timeline(odd=1)))["aten::mm"].exact
    found = by_name(counts_of(timeline(odd=10)))["aten::mm"]
    assert found.per_step == 3.0
    assert not found.exact


def test_a_builtin_stands_where_the_only_line_calls_it() -> None:
    # The loop ran before counting began, so cProfile knows no caller.
    frame = Frame(function="main", file="train.py", line=9, own=True)
    plain = timeline()
    alone = tuple(replace(call, callers=()) for call in plain.calls)
    lines = {8: "loss = model(x)", 9: "total += loss.item()"}
    found = replace(plain, calls=alone, stacks=Stacks(frames=(frame,)), sources={"train.py": lines})
    item = next(one for one in counts_of(found) if "item" in one.name)
    assert item.where == "train.py:9"
    twice = replace(found, sources={"train.py": {**lines, 10: "print(loss.item())"}})
    assert next(one for one in counts_of(twice) if "item" in one.name).where is None


def test_files_that_are_opened_stand_where_own_code_is_behind_them() -> None:
    plain = timeline()
    load = Call(
        function="load", file="numpy/npyio.py", line=300, calls=10, self_ns=1, total_ns=1, role="training",
        callers=(("train.py", 7, "augment", 10, 1, 1),),
    )  # fmt: skip
    opens = replace(
        load, function="<built-in method io.open>", file="~", line=0,
        callers=(("numpy/npyio.py", 300, "load", 10, 1, 1),),
    )  # fmt: skip
    read = by_name(counts_of(replace(plain, calls=(*plain.calls, load, opens))))
    assert read["files opened"] == SavedCount(
        kind="files", name="files opened", where="train.py:7", per_step=1.0, exact=True
    )
    assert opens.function not in read
    none = by_name(counts_of(plain))["files opened"]
    assert (none.per_step, none.exact, none.where) == (0.0, True, None)
    rows, _ = changed(counts_of(plain), tuple(read.values()), several=False)
    assert [(row.name, row.base, row.head, row.where) for row in rows] == [
        ("files opened", 0, 1, "train.py:7")
    ]


def test_builtins_that_wait_or_look_at_a_clock_are_never_exact() -> None:
    plain = timeline()
    timed = [
        "<built-in method time.monotonic_ns>",
        "<method 'acquire' of '_thread.lock' objects>",
        "<method 'write' of '_io.TextIOWrapper' objects>",
        "<method 'poll' of 'select.poll' objects>",
    ]
    calls = tuple(replace(plain.calls[1], function=name) for name in timed)
    found = by_name(counts_of(replace(plain, calls=(*plain.calls, *calls))))
    assert not any(found[name].exact for name in timed)
    assert found[plain.calls[1].function].exact


def test_workers_are_counted_by_the_batches_that_they_made() -> None:
    plain = timeline()
    own = plain.calls[0]
    workers = (
        replace(own, role="worker", calls=7 * 8, fetches=7),
        replace(own, role="worker", calls=6 * 8, fetches=6),
        replace(own, function="once", role="worker", calls=1, fetches=7),
    )
    found = counts_of(replace(plain, calls=(*plain.calls, *workers), facts={"worker_batches": [7, 0, 6]}))
    kinds = {(one.kind, one.name): one for one in found}
    assert kinds["worker call", "augment"] == SavedCount(
        kind="worker call", name="augment", where="train.py:7", per_step=8.0, exact=True
    )
    assert not kinds["worker call", "once"].exact
    assert kinds["worker files", "files opened by workers"].exact
    assert kinds["call", "augment"].per_step == 8.0


def facts(**more: Any) -> tuple[SavedCount, ...]:
    return counts_of(replace(timeline(), facts=more))


def amount(name: str, mean: float, apart: float = 0.0) -> dict[str, Any]:
    half = apart / 2
    return {"name": name, "times": 10, "total": 10 * mean, "least": mean - half, "most": mean + half}


def test_amounts_and_collectives_are_exact_where_they_never_vary() -> None:
    found = by_name(
        facts(
            amounts=[amount("bytes read", 4096), amount("bytes pickled by workers", 900, 4)],
            collectives=[amount("collectives", 2), amount("collective bytes", 8000)],
        )
    )
    assert (found["bytes read"].per_step, found["bytes read"].exact) == (4096, True)
    pickled = found["bytes pickled by workers"]
    assert (pickled.kind, pickled.per_step, pickled.spread, pickled.exact) == ("amount", 900, 4, False)
    assert (found["collectives"].per_step, found["collective bytes"].per_step) == (2, 8000)


def test_one_more_collective_is_named_and_none_are_counted_where_there_is_one_rank() -> None:
    assert "collectives" not in by_name(facts(collectives=[amount("collectives", 0)]))
    before = facts(world_size=2, collectives=[amount("collectives", 0)])
    now = facts(world_size=2, collectives=[amount("collectives", 1)])
    rows, _ = changed(before, now, several=False)
    assert [(row.name, row.base, row.head, row.exact) for row in rows] == [("collectives", 0, 1, True)]


def test_an_amount_that_varies_has_changed_where_it_moved_by_far_more() -> None:
    def named(one: float, other: float) -> list[str]:
        sides = [facts(amounts=[amount("bytes pickled by workers", mean, 4)]) for mean in (one, other)]
        return [row.name for row in changed(*sides, several=False)[0]]

    assert named(900, 904) == []
    assert named(900, 960) == []  # under a tenth
    assert named(900, 9000) == ["bytes pickled by workers"]


def test_instructions_are_compared_where_several_processes_tell_their_spread() -> None:
    def side(*counts: int) -> tuple[SavedCount, ...]:
        return merged([facts(instructions={"count": count, "steps": 10}) for count in counts])

    assert changed(side(10_000_000), side(20_000_000), several=False)[0] == ()
    (row,), _ = changed(side(10_000_000, 10_010_000), side(10_300_000, 10_310_000), several=True)
    assert (row.name, row.exact) == ("instructions", False)
    assert changed(side(10_000_000, 10_010_000), side(10_020_000, 10_030_000), several=True)[0] == ()


def test_a_new_graph_break_is_named_with_its_line() -> None:
    one = {"file": "train.py", "line": 88, "function": "forward", "count": 1}
    before = facts(compile={"graph_breaks": 0, "breaks": []})
    now = facts(compile={"graph_breaks": 1, "breaks": [one]})
    rows, _ = changed(before, now, several=False)
    assert [(row.name, row.where) for row in rows] == [
        ("graph break in forward", "train.py:88"), ("graph_breaks", None)
    ]  # fmt: skip


def test_a_planted_copy_and_wait_of_a_device_are_named() -> None:
    def side(copies: int, waits: int) -> tuple[SavedCount, ...]:
        sent = {"direction": "h2d", "count": 10 * copies, "bytes": 40_960 * copies}
        syncs = [{"name": "aten::item", "ns": 5, "count": 10 * waits}]
        return facts(device={"steps": 10, "kernels": {"count": 500}, "copies": [sent], "syncs": syncs})

    rows, _ = changed(side(1, 1), side(2, 3), several=False)
    assert {(row.name, row.base, row.head) for row in rows} == {
        ("copies h2d", 1, 2), ("copies h2d bytes", 4096, 8192), ("waits for the device", 1, 3)
    }  # fmt: skip


def test_without_heavy_blocks_nothing_is_counted() -> None:
    plain = Timeline(rank=0, steps=(Step(index=1, start_ns=0, end_ns=9, block=Block.LIGHT),), tracks=())
    assert counts_of(plain) == ()
    assert changed((), (s.count("aten::mm", 1),), several=False) == ((), 0)


def test_processes_that_count_alike_stay_exact() -> None:
    one, other = counts_of(timeline()), counts_of(timeline(calls=9))
    same = by_name(merged([one, one]))
    assert same["augment"].exact
    mixed = by_name(merged([one, other]))
    assert (mixed["augment"].per_step, mixed["augment"].spread, mixed["augment"].exact) == (8.5, 1.0, False)
    assert by_name(merged([one, ()]))["aten::mm"].exact  # a process without counts says nothing


def test_an_exact_count_that_differs_is_named_with_its_place() -> None:
    base = counts_of(timeline())
    head = counts_of(timeline(each=3, calls=9))
    rows, compared = changed(base, head, several=False)
    assert compared == len({(one.kind, one.name) for one in base})
    found = {row.name: row for row in rows}
    assert set(found) == {"aten::mm", "augment"}
    # The operator stands where a function's calls grew by as many.
    assert found["aten::mm"] == CountRow(
        kind="operator", name="aten::mm", where="train.py:7", base=2.0, head=3.0, exact=True
    )


def test_new_and_gone_work_is_named() -> None:
    rows, _ = changed((s.count("a", 1),), (s.count("b", 2),), several=False)
    assert {(row.name, row.base, row.head) for row in rows} == {("a", 1.0, 0.0), ("b", 0.0, 2.0)}


def test_a_kind_that_one_side_did_not_count_is_not_compared() -> None:
    call = replace(s.count("f", 1), kind="call", where="a.py:1")
    rows, compared = changed((s.count("a", 1),), (s.count("a", 1), call), several=False)
    assert (rows, compared) == ((), 1)


def test_counts_that_vary_are_compared_by_their_spread() -> None:
    base, head = s.count("a", 10, exact=False, spread=1.0), s.count("a", 12, exact=False, spread=1.0)
    assert not changed((base,), (head,), several=True)[0]
    far = replace(head, per_step=30)
    # Of one process of today, without periods of its own, no spread is known.
    assert not changed((base,), (replace(far, spread=0.0),), several=False)[0]
    (row,), _ = changed((base,), (far,), several=True)
    assert not row.exact


counts_ = st.lists(
    st.builds(
        SavedCount,
        kind=st.sampled_from(["operator", "call"]),
        name=st.sampled_from("abc"),
        where=st.sampled_from([None, "x.py:1"]),
        per_step=st.floats(0, 100),
        spread=st.floats(0, 5),
        exact=st.booleans(),
    ),
    max_size=8,
)


@given(counts_, st.booleans())
def test_the_same_counts_never_differ(counts: list[SavedCount], several: bool) -> None:
    assert changed(counts, counts, several=several)[0] == ()


@given(counts_, counts_)
def test_only_what_differs_is_named(base: list[SavedCount], head: list[SavedCount]) -> None:
    rows, compared = changed(base, head, several=True)
    assert all(row.base != row.head for row in rows)
    assert len(rows) <= compared or not rows
