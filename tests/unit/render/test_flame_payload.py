"""The payload of the page's canvases: what is packed can be read back, sums, and closes no element."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.browser import large_flames
from throughput.model.attribution import Attribution
from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Frame, Stacks
from throughput.render.html.flame_tree import FrameTable, children, flame_tree, path_node
from throughput.render.html.flames import flame_payload
from throughput.render.html.payload import TYPES, Payload


def unpack(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Return the header and the columns, as the page's script reads them."""
    raw = gzip.decompress(base64.b64decode(text))
    (length,) = struct.unpack_from("<I", raw)
    header = json.loads(raw[4 : 4 + length])
    base = (4 + length + 7) // 8 * 8
    columns = {}
    for name, kind, offset, count in header["sections"]:
        size = np.dtype(TYPES[kind]).itemsize
        found = raw[base + offset : base + offset + count * size]
        assert (base + offset) % 8 == 0
        if kind == "p32":
            found = np.frombuffer(found, np.uint8).reshape(4, -1).T.tobytes()
        columns[name] = np.frombuffer(found, TYPES[kind])
    return header, columns


@given(
    st.lists(st.tuples(st.sampled_from(list(TYPES)), st.lists(st.integers(0, 255), max_size=20)), max_size=6)
)
def test_columns_come_back_as_they_were(columns: list[tuple[str, list[int]]]) -> None:
    payload = Payload({"name": "</script>\u202e"})
    for number, (kind, values) in enumerate(columns):
        payload.add(str(number), kind, values)
    text = payload.packed()
    assert "<" not in text
    assert text == payload.packed()
    header, found = unpack(text)
    assert header["name"] == "</script>\u202e"
    assert [found[str(n)].tolist() for n in range(len(columns))] == [values for _, values in columns]


def test_what_a_type_cannot_hold_is_cut() -> None:
    payload = Payload({})
    payload.add("a", "u8", [-5, 300, 2.6])
    payload.add("b", "p32", [2.0**40, 70_000])
    _, found = unpack(payload.packed())
    assert found["a"].tolist() == [0, 255, 3]
    assert found["b"].tolist() == [2**32 - 1, 70_000]


def frame(name: str, line: int = 1, file: str = "train.py") -> Frame:
    return Frame(function=name, file=file, line=line, own=True)


def rows(stacks: list[int], ns: list[float], step: list[int] | None = None) -> FlameRows:
    size = len(stacks)
    return FlameRows(
        tab="training",
        steps=2,
        samples=size,
        stack=np.array(stacks, dtype=np.int64),
        category=np.zeros(size, dtype=np.int64),
        ns=np.array(ns, dtype=np.float64),
        step=np.array(step or [-1] * size, dtype=np.int64),
        step_ns=np.array(ns, dtype=np.float64),
    )


MAIN, WORK, REST = frame("main"), frame("work", 5), frame("rest", 9)
TABLE = Stacks(frames=(MAIN, WORK, REST), stacks=((0, 1), (0, 2), (0,)))


def names(tree: Any, table: FrameTable) -> list[tuple[int, str]]:
    return [(int(d), table.frames[int(f)].function) for d, f in zip(tree.depth, tree.frame, strict=True)]


def test_a_tree_is_depth_first_with_larger_children_first() -> None:
    table = FrameTable()
    flames = Flames(stacks=TABLE)
    tree = flame_tree(table, (flames, rows([0, 1, 1, 2], [1e6, 2e6, 3e6, 4e6])), None, "step")
    assert names(tree, table) == [(0, "step"), (1, "main"), (2, "rest"), (2, "work")]
    assert tree.self_ns.tolist() == [0, 4e6, 5e6, 1e6]
    assert tree.node_of == {0: 3, 1: 2, 2: 1}
    assert list(children(tree, 1)) == [2, 3]
    assert path_node(tree, table, (MAIN, WORK)) == 3
    assert path_node(tree, table, (WORK,)) is None


def test_a_baselines_stacks_are_in_the_tree_also_where_they_are_gone_and_its_lines_moved() -> None:
    table = FrameTable()
    then = Stacks(frames=(frame("main", 77), frame("gone")), stacks=((0, 1), (0,)))
    now = (Flames(stacks=TABLE), rows([0], [5e6]))
    tree = flame_tree(table, now, (Flames(stacks=then), rows([0, 1], [9e6, 2e6])), "step")
    assert tree.base_ns is not None
    assert names(tree, table) == [(0, "step"), (1, "main"), (2, "gone"), (2, "work")]
    assert tree.self_ns.tolist() == [0, 0, 0, 5e6]
    assert tree.base_ns.tolist() == [0, 2e6, 9e6, 0]


def test_a_page_of_steps_reads_back_what_they_took() -> None:
    steps = large_flames.steps(30)
    flames = large_flames.flames(3_000, 200, steps)
    attribution = Attribution(rank=0, steps=steps, split=(), hotspots=(), flames=flames)
    text = flame_payload(attribution, None, device=False, baseline=None)
    assert text is not None
    header, found = unpack(text)
    total = sum(step.duration_ns for step in steps)
    assert [tab["id"] for tab in header["tabs"]] == ["training", "blame"]
    for tab in header["tabs"]:
        name, tick = tab["id"], tab["ns_per_tick"]
        assert found[f"{name}.self"].sum() * tick == pytest.approx(total, rel=0.01)
        assert found[f"{name}.row_ticks"].sum() * tick == pytest.approx(total, rel=0.01)
        assert found[f"{name}.rows"].sum() == len(found[f"{name}.row_node"])
        summed = np.zeros(tab["nodes"])
        at = 0
        for count in found[f"{name}.rows"].tolist():
            nodes = np.cumsum(found[f"{name}.row_node"][at : at + count])
            assert (np.diff(nodes) > 0).all()
            np.add.at(summed, nodes, found[f"{name}.row_ticks"][at : at + count])
            at += count
        assert np.abs(summed - found[f"{name}.self"]).max() <= 30  # a row of each step, rounded
    parts = found["steps.parts"].reshape(len(steps), len(CATEGORIES)) * header["steps"]["ns_per_tick"]
    assert parts.sum(axis=1) == pytest.approx([step.duration_ns for step in steps], rel=1e-4)
    assert found["steps.index"].tolist() == [step.index for step in steps]
    assert len(header["frames"]["name"]) == len(header["frames"]["file"]) == len(header["frames"]["own"])


def test_nothing_to_draw_is_no_payload() -> None:
    assert (
        flame_payload(Attribution(rank=0, steps=(), split=(), hotspots=()), None, device=False, baseline=None)
        is None
    )
