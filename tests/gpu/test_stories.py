"""Profile three slow scripts on a GPU: what the device did is measured, and the planted line is named.

Skipped where torch has no GPU; `benchmarks/gpu.py` measures on the same scripts what their fixes buy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="these scripts train on a GPU with torch")
if not torch.cuda.is_available():
    pytest.skip("torch has no GPU here", allow_module_level=True)

from benchmarks import gpu, pair  # noqa: E402 - they import torch
from benchmarks.runs import profile  # noqa: E402

STEPS = 80
NAMES = ("gpu-starved", "gpu-pageable-copies", "gpu-syncs")
DEVICE_ROWS = ("compute", "host_to_device", "other_memory")


@dataclass
class Story:
    """A profiled slow script."""

    plant: pair.Plant
    report: dict[str, Any]
    raw: list[str]


@pytest.fixture(scope="module", params=NAMES)
def story(request: pytest.FixtureRequest) -> Story:
    (one,) = pair.read_all(gpu.FOLDER, [request.param])
    names: list[str] = []

    def look(run: Path) -> None:
        names.extend(path.name for path in (run / "raw").rglob("*"))

    report, _ = profile(gpu.command(one, "slow", STEPS + gpu.SPARE), STEPS, look=look)
    assert one.plant is not None
    return Story(one.plant, report, names)


def test_the_split_is_of_the_device_and_sums(story: Story) -> None:
    rows = {row["category"]: row for row in story.report["split"]}
    assert sum(row["share"] or 0.0 for row in rows.values()) == pytest.approx(1.0, abs=1e-6)
    for category in DEVICE_ROWS:
        assert (rows[category]["source"], rows[category]["state"]) == ("device", "measured")
    assert rows["compute"]["share"] > 0.01


def test_the_cause_and_its_line_come_first(story: Story) -> None:
    first = story.report["findings"][0]
    assert first["rule"] in story.plant.rules
    assert first["where"] is not None
    assert (first["where"]["file"], first["where"]["line"]) == (story.plant.file, story.plant.line)


def test_the_device_is_described_with_why_it_was_idle(story: Story) -> None:
    (device,) = story.report["devices"]
    assert device["busy_share"] + device["idle_share"] == pytest.approx(1.0, abs=1e-6)
    assert sum(cause["share"] for cause in device["idle"]) == pytest.approx(device["idle_share"], abs=0.01)


def test_counters_and_energy_are_collected(story: Story) -> None:
    states = {row["name"]: row["state"] for row in story.report["run"]["collectors"]}
    assert states["gpu"] == "ok"
    assert "gpu.jsonl" in story.raw
    assert json.dumps(story.report["throughput"]["joules_per_step"]) != "null"
    assert 20 < story.report["throughput"]["watts"] < 2000
