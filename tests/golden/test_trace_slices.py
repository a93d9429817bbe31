"""Slices of recorded traces of each kind: the figures that a bitmap gave, and the rules that know their causes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tests.golden.trace_slices import BYTES_MAX, EXPECTED, SLICES
from tests.unit.flows.trace_scenes import a_run
from throughput.flows.trace_reading import OneRank, read_ranks
from throughput.flows.trace_run import analysis_of
from throughput.model.category import Category
from throughput.model.report import Report

FIGURES = json.loads(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.is_file() else {}


def path_of(name: str) -> Path:
    return SLICES / f"{name}.json.gz"


@cache
def read(name: str) -> OneRank:
    (one,), notes = read_ranks([path_of(name)], lambda _text: None)
    assert not notes
    return one


def report_of(*names: str) -> Report:
    ranks, _ = read_ranks([path_of(name) for name in names], lambda _text: None)
    return analysis_of(a_run(len(ranks[0].timeline.steps)), ranks).report


def test_each_kind_has_a_slice() -> None:
    assert len(FIGURES) == 16
    assert {path.name.removesuffix(".json.gz") for path in SLICES.glob("*.json.gz")} == set(FIGURES)
    assert all(path_of(name).stat().st_size <= BYTES_MAX for name in FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_shares_are_those_of_the_bitmap(name: str) -> None:
    one = read(name)
    assert {str(d.device) for d in one.attribution.devices} == set(FIGURES[name])
    for device in one.attribution.devices:
        expected = FIGURES[name][str(device.device)]
        exposed = {share.category: 100 * (share.exposed or 0) for share in device.categories}
        busy = {share.category: 100 * (share.busy or 0) for share in device.categories}
        assert sum(exposed.values()) == pytest.approx(100, abs=1e-6)
        assert exposed[Category.COMMUNICATION] == pytest.approx(expected["exposed"]["communication"], abs=0.1)
        assert exposed[Category.OTHER_MEMORY] == pytest.approx(expected["exposed"]["other_memory"], abs=0.1)
        assert exposed[Category.DATA_LOADING] == pytest.approx(expected["exposed"]["data_loading"], abs=0.1)
        assert exposed[Category.COMPUTE] == pytest.approx(expected["exposed"]["compute"], abs=0.1)
        sent = expected["exposed"]["host_to_device"]
        assert exposed[Category.HOST_TO_DEVICE] == pytest.approx(sent, abs=0.1)
        assert busy[Category.DATA_LOADING] == pytest.approx(expected["loading"], abs=0.1)
        assert 100 * device.busy_share == pytest.approx(expected["busy"], abs=0.1)


@pytest.mark.parametrize(
    ("name", "fire", "quiet"),
    [
        ("resnet50-nw0", {"device-waits-for-loader", "tensor-cores-unused"}, {"exposed-communication"}),
        ("resnet50-nw4", {"tensor-cores-unused"}, {"device-waits-for-loader"}),
        ("imagenet-gpu4", {"data-parallel"}, {"straggling-rank"}),
        ("df-index", {"exposed-communication"}, {"device-waits-for-loader"}),
        ("negative-queue", {"exposed-communication"}, {"device-waits-for-loader", "data-parallel"}),
    ],
)
def test_rules_know_the_causes(name: str, fire: set[str], quiet: set[str]) -> None:
    report = report_of(name)
    states = {result.rule: result.state for result in report.rules}
    assert not [rule for rule, state in states.items() if state == "error"]
    assert {rule for rule in fire if states[rule] != "fired"} == set()
    assert {rule for rule in quiet if states[rule] == "fired"} == set()


def test_of_eight_ranks_two_straggle() -> None:
    report = report_of(*(f"megatron-rank{n}" for n in range(8)))
    assert report.stragglers == (0, 6)
    assert [row.rank for row in report.ranks] == list(range(8))
    named = [f for f in report.findings if f.rule == "straggling-rank"]
    assert [f.ranks for f in named] == [(0,), (6,)]


def test_ranks_without_stragglers() -> None:
    report = report_of(*(f"megatron-rank{n}" for n in (1, 4, 5)))
    assert report.stragglers == ()
    assert any("No rank" in note for note in report.notes)
