"""Several devices on the terminal: a row each, the stragglers among them whatever the room."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.unit.render import builders as b
from throughput.model.attribution import DeviceShare, DeviceSplit, IdleCause
from throughput.model.category import Category
from throughput.model.report import RankRow, Report
from throughput.render.bar import Look
from throughput.render.devices import device_lines
from throughput.render.terminal import ROWS, report_lines

LOOK = Look(wide=True, colour=False)


def device(rank: int, number: int, busy: float) -> DeviceSplit:
    shares = {Category.COMPUTE: busy - 0.05, Category.COMMUNICATION: 0.03, Category.HOST_TO_DEVICE: 0.02}
    return DeviceSplit(
        rank=rank,
        device=number,
        name="NVIDIA H100",
        busy_share=busy,
        idle_share=1 - busy,
        categories=tuple(DeviceShare(category=c, busy=s, exposed=s) for c, s in shares.items()),
        idle=(IdleCause(cause="host_wait", ns_per_step=1e6, share=1 - busy, gaps=3),),
    )


def report(ranks: int, devices: int = 1) -> Report:
    rows = tuple(
        RankRow(rank=n, host="", split=b.gpu_split(), throughput=None, imposed_ns_per_step=2e6 if n else 9e7)
        for n in range(ranks)
    )
    return b.report(
        split=b.gpu_split(),
        ranks=rows if ranks > 1 else (),
        devices=tuple(device(n, d, 0.9 - 0.01 * d) for n in range(ranks) for d in range(devices)),
        stragglers=(0,) if ranks > 1 else (),
    )


def lines(made: Report, width: int, number: int) -> list[str]:
    return [str(line).replace("\u00a0", " ") for line in device_lines(made, LOOK, width, number)]


def test_each_device_of_a_process_has_a_row() -> None:
    heading, *rows = lines(report(1, 4), 100, 8)
    assert heading.split() == ["Devices", "ran", "compute", "comm.", "copies", "host", "wait"]
    assert len(rows) == 4
    assert rows[3].split() == "GPU 3 87.0 % 82.0 % 3.0 % 2.0 % 13.0 %".split()


def test_what_a_rank_imposes_stands_beside_it() -> None:
    heading, *rows = lines(report(8), 100, 8)
    assert heading.endswith("imposes")
    assert rows[0].startswith(" rank 0 GPU 0")
    assert rows[0].endswith("90.0 ms")
    assert "imposes" not in lines(report(8), 70, 8)[0]


def test_of_many_those_of_stragglers_and_those_that_ran_least_are_shown() -> None:
    _, *rows, more = lines(report(8, 8), 100, 10)
    assert [row.split()[:4] for row in rows[:8]] == [["rank", "0", "GPU", f"{n}"] for n in range(8)]
    assert more.strip() == "54 more devices in the report"
    assert all(row.split()[3] == "7" for row in rows[8:])


@pytest.mark.parametrize("width", [40, 72, 80, 110])
def test_rows_fit(width: int) -> None:
    assert max(cell_len(line) for line in lines(report(64, 2), width, 8)) <= width
    assert len(report_lines(report(8, 8), LOOK, width)) <= ROWS


def test_one_device_has_no_table() -> None:
    assert lines(report(1), 100, 8) == []
    assert lines(report(1, 4), 100, 0) == []
