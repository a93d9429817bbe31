"""Regions by category: rows are timed, columns are the split's, all of them sum to the step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.attribute.scenes import MAIN, MATMUL, MS, TRAIN, Scene
from tests.unit.attribute.test_split import OK
from throughput.attribute.attribution import attribute
from throughput.model.category import Category, Phase
from throughput.model.work import RegionRow

NAMES = ((), ("rollout",), ("rollout", "reward"))


def found(region: list[int], names: tuple[tuple[str, ...], ...] = NAMES) -> dict[str, RegionRow]:
    """Return the rows of two steps of 100 ms: loading, a model, Python, backward, each in a region."""
    scene = Scene()
    for start in (0, 100):
        scene.step((Phase.LOADER, 20), (Phase.REST, 30, 6), (Phase.REST, 40), (Phase.BACKWARD, 10))
        scene.sample(start + 20, start + 50, MAIN, TRAIN, MATMUL)
        scene.sample(start + 50, start + 90, MAIN, TRAIN)
        scene.sample(start + 90, start + 100, MAIN, TRAIN, MATMUL, phase=Phase.BACKWARD)
    timeline = scene.timeline()
    segments = replace(timeline.segments, region=np.array(region * 2, dtype=np.int64))
    rows = attribute(replace(timeline, segments=segments, regions=names), OK).regions
    return {row.name: row for row in rows}


def parts(row: RegionRow) -> dict[Category, float]:
    return {part.category: part.ns_per_step / MS for part in row.parts if part.ns_per_step > MS / 10}


def test_rows_are_timed_and_their_categories_are_those_of_the_stacks_inside() -> None:
    rows = found([0, 1, 2, 1])
    assert {name: row.ns_per_step / MS for name, row in rows.items()} == {
        "rollout": pytest.approx(40),
        "rollout / reward": pytest.approx(40),
        "": pytest.approx(20),
    }
    assert parts(rows[""]) == {Category.DATA_LOADING: pytest.approx(20, abs=0.5)}
    reward = parts(rows["rollout / reward"])
    assert reward[Category.HOST_WORK] == pytest.approx(40, abs=3)
    rollout = parts(rows["rollout"])
    assert rollout[Category.CPU_STARVED] == pytest.approx(6, abs=1)
    assert rollout[Category.COMPUTE] == pytest.approx(34, abs=3)


def test_all_sums_hold() -> None:
    rows = found([0, 1, 2, 1])
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    for row in rows.values():
        assert sum(part.ns_per_step for part in row.parts) == pytest.approx(row.ns_per_step)
        assert row.low <= row.share + 1e-9
        assert row.share <= row.high + 1e-9
    assert sum(part.ns_per_step for row in rows.values() for part in row.parts) == pytest.approx(100 * MS)


def test_a_script_without_ranges_has_no_rows() -> None:
    assert found([0, 0, 0, 0]) == {}
    assert found([0, 1, 2, 1], ((),)) == {}


def test_a_number_without_a_name_is_outside() -> None:
    assert set(found([0, 1, 9, 1])) == {"", "rollout"}
