"""A run beside a baseline: what differs in ms, what noise explains, which runs can't be compared."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from rich.cells import cell_len
from rich.console import Console

from tests.unit.render import builders as b
from tests.unit.render.strategies import reports
from tests.unit.render.test_html import Page, check_inert, static_bytes
from throughput.errors import NotComparable
from throughput.model.category import Category
from throughput.model.report import Analysis, RankRow, Report, StepTime, Throughput
from throughput.render import changes
from throughput.render.against import LISTED, Against, Time, batch_size, change, compared
from throughput.render.html import ELEMENTS, STATIC_BYTES, elements, report_html
from throughput.render.markdown import MOST_BYTES, report_markdown
from throughput.render.terminal import ROWS, print_report

THEN_NS = 99e6
JUDGED = re.compile(r"\b(slower|faster|regress\w*|better|worse|improve\w*)\b", re.IGNORECASE)


def baseline(**changes_: Any) -> Report:
    """Return a run of 99 ms a step at the same batch size, whose largest difference is data loading."""
    speed = b.speed(1597 * b.STEP_NS / THEN_NS)
    times = StepTime(median=98e6, p95=120e6, mean=THEN_NS, low=97e6, high=101e6)
    speed = replace(speed, steps_per_s=1e9 / THEN_NS, low=9.9, high=10.3, step_ns=times)
    split = b.cpu_split(data_loading=0.34, compute=0.42, lock_contention=0.1, host_work=0.12, idle=0.02)
    split = tuple(replace(r, ns_per_step=None if r.share is None else r.share * THEN_NS) for r in split)
    spots = (
        b.hotspot(1, ns_per_step=11.2e6, share=11.2e6 / THEN_NS, low=0.1, high=0.125),
        b.hotspot(
            2, name="read_exif", function="read_exif", ns_per_step=4.8e6, share=0.048, low=0.03, high=0.06
        ),
    )
    made = b.report(throughput=speed, split=split, hotspots=spots, run=b.run(run_id="the-baseline"))
    return replace(made, **changes_)


def with_facts(made: Report, **facts: Any) -> Report:
    return replace(made, run=replace(made.run, environment={**made.run.environment, **facts}))


def printed(against: Against, width: int) -> list[str]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    print_report(against.now, Console(file=file, width=width), files=("a/report.html",), against=against)
    file.flush()
    return raw.getvalue().decode().replace("\u00a0", " ").splitlines()


def test_differences_are_of_ms_never_of_shares() -> None:
    against = compared(b.report(), baseline())
    rows = {row.category: row.change for row in against.categories}
    data, compute = rows[Category.DATA_LOADING], rows[Category.COMPUTE]
    assert data.difference_ns == pytest.approx(0.59 * 160e6 - 0.34 * 99e6)
    assert data.within_noise is False
    # Its share fell from 42 to 25 %, its time by less than the intervals are wide.
    assert compute.difference_ns == pytest.approx(40e6 - 0.42 * 99e6)
    assert compute.within_noise is True
    assert Category.HOST_TO_DEVICE not in rows
    assert Category.COMMUNICATION not in rows


def test_noise_is_where_the_intervals_overlap() -> None:
    then = Time(ns=10, low=8, high=12)
    assert change(then, Time(ns=15, low=12, high=18)).within_noise is True
    assert change(then, Time(ns=15, low=12.1, high=18)).within_noise is False
    assert change(Time(ns=15, low=12.1, high=18), then).within_noise is False
    assert change(then, Time(ns=15)).within_noise is None
    assert change(then, None).difference_ns is None


def test_the_steps_own_noise_counts_in_a_category() -> None:
    steady = baseline()
    assert steady.throughput is not None
    loose = replace(steady.throughput.step_ns, low=45e6, high=240e6)
    wide = replace(steady, throughput=replace(steady.throughput, step_ns=loose))
    rows = {row.category: row.change for row in compared(b.report(), wide).categories}
    assert rows[Category.DATA_LOADING].within_noise is False
    assert rows[Category.HOST_WORK].within_noise is True
    rows = {row.category: row.change for row in compared(b.report(), steady).categories}
    assert rows[Category.HOST_WORK].within_noise is False


def test_places_are_new_gone_or_changed() -> None:
    against = compared(b.report(), baseline())
    kinds = {row.spot.name: (row.kind, row.change.within_noise) for row in against.spots}
    assert kinds["numpy.round"] == ("changed", False)
    assert kinds["read_exif"] == ("gone", False)
    assert kinds["SlowDataset.__getitem__"] == ("new", False)
    sizes = [abs(row.change.difference_ns or 0) for row in against.spots]
    assert sizes == sorted(sizes, reverse=True)
    gone = next(row for row in changes.spot_rows(against) if row.name == "read_exif")
    assert (gone.now, gone.remark, gone.difference[0]) == ("–", "gone", "−")


def test_one_place_in_another_process_is_another_place() -> None:
    own = b.report(hotspots=(b.hotspot(1, process="training process"),))
    kinds = sorted(row.kind for row in compared(own, baseline(hotspots=(b.hotspot(1),))).spots)
    assert kinds == ["gone", "new"]


def test_two_callers_of_one_place_count_together() -> None:
    now = b.report(hotspots=(b.hotspot(1), b.hotspot(2, ns_per_step=10e6, share=1 / 16, low=0.05, high=0.07)))
    (row,) = compared(now, baseline(hotspots=(b.hotspot(1),))).spots
    assert row.change.difference_ns == pytest.approx(10e6)


def test_a_place_below_the_end_of_a_full_list_may_only_be_unlisted() -> None:
    full = tuple(
        b.hotspot(n, name=f"f{n}", ns_per_step=6e6, share=6 / 160, low=0.03, high=0.04)
        for n in range(1, LISTED + 1)
    )
    for spots, noise in ((full, True), (full[:-1], False)):
        rows = compared(b.report(hotspots=spots), baseline()).spots
        assert next(row for row in rows if row.spot.name == "read_exif").change.within_noise is noise


def test_without_hotspots_in_one_run_none_is_called_gone() -> None:
    against = compared(b.report(hotspots=()), baseline())
    assert not against.spots
    assert changes.no_spots(against) == "This run lists no hotspots, so places are not compared."


def test_what_one_run_did_not_measure_has_no_difference() -> None:
    split = tuple(
        b.row(row.category, None) if row.category is Category.COMPUTE else row for row in baseline().split
    )
    rows = changes.category_rows(compared(b.report(), baseline(split=split)))
    compute = next(row for row in rows if row.name == "CPU compute")
    assert (compute.then, compute.difference, compute.noise) == ("not measured", "–", False)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"throughput": replace(b.speed(2 * 1597.0))}, "255.5 samples a step here, 511 in the baseline"),
        ({"run": b.run(environment={"device_used": True, "device_name": "A\x1b[31m100"})},
         r"device CPU here, A\x1b[31m100 in the baseline"),
        ({"ranks": tuple(RankRow(rank=n, host="", split=(), throughput=None) for n in range(2))},
         "1 rank here, 2 in the baseline"),
        ({"throughput": None}, "The baseline has no timed step"),
    ],
)  # fmt: skip
def test_it_refuses_in_words(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(NotComparable) as refused:
        compared(b.report(), b.report(**changed))
    assert words in refused.value.what
    assert refused.value.exit_code == 6


def test_two_gpus_of_other_names_are_refused() -> None:
    one, other = (with_facts(b.report(), device_used=True, device_name=name) for name in ("A100", "H100"))
    unknown = with_facts(b.report(), device_used=True, device_name=None)
    with pytest.raises(NotComparable, match="device A100 here, H100 in the baseline"):
        compared(one, other)
    assert compared(one, unknown).step.difference_ns == 0


def test_what_else_differs_is_said_and_no_host_is_named() -> None:
    then = with_facts(baseline(), torch_version="2.12.0", hostname="node-2")
    then = replace(then, run=replace(then.run, command=("train.py", "--lr", "1")))
    found = changes.differences(compared(with_facts(b.report(), torch_version="2.13.0"), then))
    assert "PyTorch: 2.13.0 here, 2.12.0 in the baseline" in found
    assert any(line.startswith("Command: train.py --model") for line in found)
    assert "The runs are of two machines" in found
    assert "node-2" not in " ".join(found)
    assert changes.differences(compared(b.report(), b.report())) == ()


def test_the_sentence_states_and_does_not_judge() -> None:
    said = [
        changes.sentence(compared(*pair)).replace("\u00a0", " ")
        for pair in ((b.report(), baseline()), (baseline(), b.report()), (b.report(), b.report()))
    ]
    assert said == [
        "A step takes 62 % longer than in the baseline (160 ms, was 99 ms), most of it data loading",
        "A step takes 38 % less time than in the baseline (99 ms, was 160 ms), most of it data loading",
        "A step takes as long as in the baseline, within noise (160 ms, was 160 ms)",
    ]


@pytest.mark.parametrize("width", [40, 80, 100])
def test_the_terminal_shows_it_on_one_screen(width: int) -> None:
    rows = printed(compared(b.report(), baseline()), width)
    assert len(rows) <= ROWS
    assert max(map(cell_len, rows)) <= width
    now, then = (next(r for r in rows if r.startswith(name)) for name in ("This run", "Baseline "))
    lengths = [cell_len(row.strip()) - 11 for row in (then, now)]
    assert lengths[0] / lengths[1] == pytest.approx(99 / 160, abs=0.05)
    assert any("Data loa" in row and "+61 ms" in row for row in rows)
    assert width < 80 or any("numpy.round" in row and "11 ms → 50 ms" in row for row in rows)
    assert not JUDGED.search(" ".join(rows))


def test_the_page_shows_it_to_one_scale() -> None:
    against = compared(b.report(), baseline())
    html = report_html(Analysis(report=b.report()), against)
    page = Page(html)
    check_inert(page)
    assert 'class="split" style="width:100.0%"' in html
    assert 'class="split base" style="width:61.88%"' in html
    for words in ("Changes since the-baseline", "baseline 34 ms", "+61 ms", "gone", "within noise", "−5 ms"):
        assert words in page.text.replace("33.7 ms", "34 ms")
    assert not JUDGED.search(page.text)
    assert "Changes since" not in Page(report_html(Analysis(report=b.report()))).text


def test_markdown_has_a_table_of_changes() -> None:
    text = report_markdown(b.report(), compared(b.report(), baseline())).replace("\u00a0", " ")
    assert "## Changes since the-baseline" in text
    assert "| Data loading | 34 ms | 94 ms | +61 ms |  |" in text
    assert "| `SlowDataset.__getitem__` | – | 21 ms | +21 ms | new |" in text
    assert not JUDGED.search(text)


# Each draws two whole reports, of which every second has no throughput: few are left, and drawing is slow.
@settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(reports(), reports())
def test_any_two_reports_fit_their_budgets(now: Report, then: Report) -> None:
    assume(now.throughput is not None and then.throughput is not None)
    run = replace(then.run, environment=now.run.environment | {"device_used": False})
    now = replace(now, run=replace(now.run, environment=run.environment))
    against = compared(now, replace(then, run=run, ranks=now.ranks, throughput=_of_one_batch(now, then)))
    html = report_html(Analysis(report=now), against)
    page = Page(html)
    check_inert(page)
    assert static_bytes(page, html) <= STATIC_BYTES
    assert elements(html) <= ELEMENTS
    assert len(report_markdown(now, against).encode()) <= MOST_BYTES
    for width in (40, 80):
        rows = printed(against, width)
        assert len(rows) <= ROWS
        assert max(map(cell_len, rows)) <= width


def _of_one_batch(now: Report, then: Report) -> Throughput:
    """Return the speed of `then` at the batch size of `now`."""
    assert now.throughput is not None
    assert then.throughput is not None
    size = batch_size(now)
    samples = None if size is None else size * then.throughput.steps_per_s
    return replace(then.throughput, samples_per_s=samples)
