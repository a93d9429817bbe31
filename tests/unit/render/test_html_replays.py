"""The page's table of predicted loader settings, and what stands there where nothing is predicted."""

from __future__ import annotations

from throughput.model.report import ReplayRow, ReplaySummary
from throughput.render.html.replays import ReplayTable, replay_table

NONE = ReplayRow(num_workers=0, prefetch_factor=None, steps_per_s=50.0)
ONE = ReplayRow(num_workers=1, prefetch_factor=2, steps_per_s=80.0)
ONE_DEEP = ReplayRow(num_workers=1, prefetch_factor=4, steps_per_s=90.0)


def test_workers_go_down_and_prefetch_across() -> None:
    made = replay_table(ReplaySummary(step_ns=2e7, error=0.02, settings=(NONE, ONE, ONE_DEEP), best=ONE_DEEP))
    assert made.ahead == ("2", "4")
    assert [row.workers for row in made.rows] == ["0", "1"]
    none, one = (row.cells for row in made.rows)
    assert none[0] == none[1]  # without workers nothing is made ahead
    assert one[1].endswith("(best)")
    assert not one[0].endswith("(best)")
    assert "misses steps that it has not seen by 2" in made.sentence


def test_what_is_not_predicted_is_said() -> None:
    assert replay_table(None) == ReplayTable()
    unknown = replay_table(ReplaySummary(step_ns=2e7, error=None))
    assert "Too few steps" in unknown.sentence
    assert not unknown.rows
    off = replay_table(ReplaySummary(step_ns=2e7, error=0.3))
    assert "by 30" in off.sentence
    assert not off.rows


def test_a_setting_that_was_not_tried_has_a_dash() -> None:
    two = ReplayRow(num_workers=2, prefetch_factor=4, steps_per_s=95.0)
    made = replay_table(ReplaySummary(step_ns=2e7, error=0.0, settings=(ONE, two)))
    assert made.rows[0].cells[1] == "–"
    assert made.rows[1].cells[0] == "–"
