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
from throughput.render.html.flames import MOST, PRUNED, flame_payload
from throughput.render.html.payload import LARGEST, Payload


def unpack(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Return the header and the columns, as the page's script reads them."""
    raw = gzip.decompress(base64.b64decode(text))
    (length,) = struct.unpack_from("<I", raw)
    header = json.loads(raw[4 : 4 + length])
    at = 4 + length
    columns = {}
    for name, planes, count in header["sections"]:
        rows = np.frombuffer(raw[at : at + planes * count], np.uint8).reshape(planes, count)
        columns[name] = sum(rows[n].astype(np.int64) << 8 * n for n in range(planes))
        at += planes * count
    assert at == len(raw)
    return header, columns


NUMBERS = st.lists(st.integers(0, LARGEST) | st.integers(0, 300), max_size=20)


@given(st.lists(NUMBERS, max_size=6))
def test_columns_come_back_as_they_were(columns: list[list[int]]) -> None:
    payload = Payload({"name": "</script>\u202e"})
    for number, values in enumerate(columns):
        payload.add(str(number), values)
    text = payload.packed()
    assert "<" not in text
    assert text == payload.packed()
    header, found = unpack(text)
    assert header["name"] == "</script>\u202e"
    assert [found[str(n)].tolist() for n in range(len(columns))] == columns


def test_a_column_has_the_bytes_that_its_largest_number_needs_and_what_32_bits_cannot_hold_is_cut() -> None:
    payload = Payload({})
    payload.add("a", [-5, 255, 2.6])
    payload.add("b", [2.0**40, 70_000])
    payload.add("c", [])
    _, found = unpack(payload.packed())
    assert payload.columns == [("a", 1, 3), ("b", 4, 2), ("c", 1, 0)]
    assert found["a"].tolist() == [0, 255, 3]
    assert found["b"].tolist() == [LARGEST, 70_000]


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


def test_a_frame_of_too_small_a_share_is_joined_with_its_caller() -> None:
    table = FrameTable()
    now = (Flames(stacks=TABLE), rows([0, 1, 2], [1e3, 5e6, 4e6]))
    tree = flame_tree(table, now, None, "step", least=0.01)
    assert names(tree, table) == [(0, "step"), (1, "main"), (2, "rest")]
    assert tree.self_ns.tolist() == [0, 4.001e6, 5e6]
    assert tree.node_of == {0: 1, 1: 2, 2: 1}


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
        size = len(found[f"{name}.frame"])
        nodes = np.cumsum(found[f"{name}.part_node"])
        own = np.bincount(nodes, weights=found[f"{name}.part_ticks"], minlength=size) * tick
        assert own.sum() == pytest.approx(total, rel=1e-4)
        leaves, row_tick = np.unique(nodes), tab["ns_per_row_tick"]
        leaves = leaves[np.argsort(-own[leaves], kind="stable")]
        assert found[f"{name}.rows"].sum() == len(found[f"{name}.row_leaf"])
        summed = np.zeros(size)
        at = 0
        for step, count in zip(steps, found[f"{name}.rows"].tolist(), strict=True):
            leaf = np.cumsum(found[f"{name}.row_leaf"][at : at + count])
            ticks = found[f"{name}.row_ticks"][at : at + count]
            assert (np.diff(leaf) > 0).all()
            assert ticks.sum() * row_tick == pytest.approx(step.duration_ns, abs=1.01 * row_tick)
            np.add.at(summed, leaves[leaf], ticks * row_tick)
            at += count
        assert np.abs(summed - own).max() <= len(steps) * row_tick  # a row of each step, rounded
    parts = found["steps.parts"].reshape(len(steps), len(CATEGORIES)) * header["steps"]["ns_per_tick"]
    assert parts.sum(axis=1) == pytest.approx([step.duration_ns for step in steps], rel=1e-4)
    assert found["steps.index"].tolist() == [step.index for step in steps]
    assert len(header["frames"]["name"]) == len(header["frames"]["file"]) == len(header["frames"]["own"])


def test_a_payload_that_would_be_too_large_tells_less_says_so_and_sums_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = large_flames.steps(30)
    flames = large_flames.flames(30_000, 3_000, steps)
    attribution = Attribution(rank=0, steps=steps, split=(), hotspots=(), flames=flames)
    texts = []
    for most in (MOST, 10_000):
        monkeypatch.setattr("throughput.render.html.flames.MOST", most)
        texts.append(flame_payload(attribution, None, device=False, baseline=None) or "")
    (head, whole), (less_head, less) = map(unpack, texts)
    assert len(texts[1]) < 0.8 * len(texts[0])
    assert len(less["training.frame"]) < len(whole["training.frame"])
    assert PRUNED in less_head["tabs"][0]["note"]
    assert PRUNED not in head["tabs"][0]["note"]
    for name in ("training.part_ticks", "blame.part_ticks"):
        assert less[name].sum() == pytest.approx(whole[name].sum(), rel=1e-4)
    times = [
        found["training.row_ticks"].sum() * one["tabs"][0]["ns_per_row_tick"]
        for one, found in ((head, whole), (less_head, less))
    ]
    assert times[0] == pytest.approx(times[1], rel=1e-4)


def test_nothing_to_draw_is_no_payload() -> None:
    assert (
        flame_payload(Attribution(rank=0, steps=(), split=(), hotspots=()), None, device=False, baseline=None)
        is None
    )
