"""The table of ranks and GPUs: a row a device, who waits for whom, and bars to one scale."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.render import builders as b
from tests.unit.render import timelines as t
from throughput.model.attribution import DeviceShare, DeviceSplit, IdleCause, Place, Starver
from throughput.model.category import Category
from throughput.model.report import Analysis, RankRow, Report
from throughput.render.html import ELEMENTS, STATIC_BYTES, elements, report_html
from throughput.render.html.ranks import RankTable, rank_table


def rank(number: int, *, imposed: float | None = None, slower: float = 1.0, host: str = "a") -> RankRow:
    speed = b.speed()
    times = replace(speed.step_ns, mean=speed.step_ns.mean * slower)
    return RankRow(
        rank=number,
        host=host,
        split=b.gpu_split(compute=0.6, communication=0.4),
        throughput=replace(speed, step_ns=times),
        imposed_ns_per_step=imposed,
    )


def gpu(rank_: int, device: int, busy: float = 0.9, starver: str = "collate") -> DeviceSplit:
    where = Place(function="collate", file="data.py", line=7)
    starved = Starver(name=starver, where=where, ns_per_step=1e6, share=0.08)
    return DeviceSplit(
        rank=rank_,
        device=device,
        name="A100",
        busy_share=busy,
        idle_share=1 - busy,
        categories=(
            DeviceShare(category=Category.COMPUTE, busy=busy, exposed=busy),
            DeviceShare(category=Category.DATA_LOADING, busy=None, exposed=1 - busy),
        ),
        idle=(
            IdleCause(cause="host_wait", ns_per_step=1e6, share=0.08, gaps=3, starvers=(starved,)),
            IdleCause(cause="kernel_wait", ns_per_step=1e5, share=0.02, gaps=9),
        ),
    )


def table(report: Report) -> RankTable:
    found = rank_table(report, t.analysis().facts, device=True)
    assert found is not None
    return found


def cells(found: RankTable, row: int) -> dict[str, str]:
    texts = [f"{cell.text} {cell.more}".strip().replace("\u00a0", " ") for cell in found.rows[row].cells]
    return dict(zip(found.heads, texts, strict=True))


def test_one_rank_without_devices_has_no_table() -> None:
    assert rank_table(b.report(ranks=(rank(0),)), t.analysis().facts, device=True) is None


def test_ranks_that_others_wait_for_are_named_and_marked() -> None:
    facts = t.analysis().facts[0]
    about = {"late_in": "data_loading", "excess_ns": 12e6}
    facts = replace(facts, timeline=replace(facts.timeline, facts={"ranks": about}))
    report = b.report(ranks=(rank(0, imposed=8e6, slower=2), rank(1, imposed=0.0)), stragglers=(0,))
    found = rank_table(report, (facts,), device=True)
    assert found is not None
    assert found.title == "Ranks"
    assert found.sentence.replace("\u00a0", " ") == (
        "The others wait for rank 0, 8.00 ms a step (Data loading takes 12.0 ms longer there than on the "
        "median of the others)."
    )
    assert [row.is_late for row in found.rows] == [True, False]
    assert [row.width for row in found.rows] == [100.0, 50.0]
    assert cells(found, 0) == {
        "Rank": "0",
        "Step": "320 ms",
        "Most of a step": "GPU compute 60 %",
        "Others wait for it": "8.00 ms",
    }


def test_hosts_are_shown_where_they_differ() -> None:
    found = table(b.report(ranks=(rank(0), rank(1, host="b"))))
    assert [cells(found, n)["Host"] for n in range(2)] == ["a", "b"]
    assert found.sentence == ""


def test_a_device_has_a_row_with_why_it_was_idle() -> None:
    found = table(b.report(ranks=(rank(0),), devices=(gpu(0, 0), gpu(0, 1, busy=0.5))))
    assert found.title == "GPUs"
    assert cells(found, 0) == {
        "Rank": "0",
        "GPU": "0",
        "Step": "160 ms",
        "GPU busy": "90 %",
        "Most of a step": "GPU compute 90 %",
        "Nothing queued": "8.0 %",
        "Meanwhile the host was in": "collate data.py:7",
        "Between kernels": "2.0 %",
    }
    assert (cells(found, 1)["Rank"], cells(found, 1)["Step"], cells(found, 1)["GPU"]) == ("", "", "1")


@pytest.mark.parametrize("busy", [0.0, 0.25, 1.0])
def test_a_bar_is_the_step(busy: float) -> None:
    bar = table(b.report(devices=(gpu(0, 0, busy=busy),))).rows[0].bar
    stops = re.findall(r"var\(--(\w+)\) ([\d.]+)%(?: ([\d.]+)%)?", bar)
    drawn = {key: float(end) - float(begin) for key, begin, end in stops if end}
    wanted = {"data": 100 * (1 - busy), "gpu": 100 * busy}
    assert drawn == pytest.approx({key: part for key, part in wanted.items() if part})
    assert stops[-1][:2] == ("dim", "100.0")


def test_the_table_of_64_gpus_fits_the_page_and_names_are_inert() -> None:
    ranks = tuple(rank(n, imposed=1e6 if n else 9e6) for n in range(64))
    devices = tuple(gpu(n, 0, starver="<script>alert(1)</script>") for n in range(64))
    report = b.report(ranks=ranks, devices=devices, stragglers=(0,))
    page = report_html(Analysis(report=report, facts=t.analysis().facts))
    assert page.count('<td class="sb"') == 64
    assert 'class="ranks dense"' in page
    assert "<script>alert" not in page
    assert elements(page) <= ELEMENTS
    assert len(page.encode()) < 2 * STATIC_BYTES


def test_more_than_64_are_counted() -> None:
    found = table(b.report(ranks=tuple(rank(n) for n in range(70))))
    assert (len(found.rows), found.more, found.is_dense) == (64, 6, True)
