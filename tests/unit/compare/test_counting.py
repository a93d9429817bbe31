"""Counts: exact where they never vary, changed where they can't be noise, and where they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compare import samples as s
from throughput.compare.counting import changed, counts_of, merged
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
    assert not changed((base,), (far,), several=False)[0]
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
