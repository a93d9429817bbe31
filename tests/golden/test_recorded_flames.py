"""The flame graphs of every recorded pair say what its split says: the step's time, by category."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.recordings import analysis_of, names
from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows

POINTS = 0.03
"""Of the step: a wait whose lock was seen in other steps is shared out among all waits."""


def shares(tab: FlameRows) -> dict[str, float]:
    whole = tab.ns.sum()
    return {kind.value: tab.ns[tab.category == n].sum() / whole for n, kind in enumerate(CATEGORIES)}


@pytest.mark.parametrize("name", names())
def test_a_flame_graph_of_the_step_has_the_splits_categories(name: str, tmp_path: Path) -> None:
    attribution = analysis_of(name, tmp_path).facts[0].attribution
    split = {row.category.value: row.share or 0.0 for row in attribution.split}
    total = sum(step.duration_ns for step in attribution.steps)
    of_step = [tab for tab in attribution.flames.tabs if tab.tab in ("training", "blame")]
    assert [tab.tab for tab in of_step] == ["training", "blame"]
    for tab in of_step:
        assert tab.ns.sum() == pytest.approx(total, rel=1e-6)
        if tab.tab == "blame" or not attribution.devices:  # the thread's own tab knows no device
            assert shares(tab) == pytest.approx(split, abs=POINTS)
