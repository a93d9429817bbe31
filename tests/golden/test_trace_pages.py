"""Pages of recorded traces: kernels by name, a row a GPU, and the rank that the others wait for."""

from __future__ import annotations

import re

import pytest

from tests.golden.test_trace_slices import FIGURES, path_of, read
from tests.unit.flows.trace_scenes import a_run
from tests.unit.render.test_flame_payload import unpack
from throughput.flows.trace_run import analysis_of, read_ranks
from throughput.model.category import CATEGORIES, Category
from throughput.render.html import ELEMENTS, STATIC_BYTES, elements, report_html

SCRIPT = re.compile(r"<script[^>]*>.*?</script>", re.DOTALL)
PAYLOAD = re.compile(r'<script[^>]*\bid="payload"[^>]*>([^<]*)</script>')


def page_of(*names: str) -> str:
    ranks, _ = read_ranks([path_of(name) for name in names], lambda _text: None)
    return report_html(analysis_of(a_run(len(ranks[0].timeline.steps)), ranks))


def rows(page: str) -> list[list[str]]:
    table = page[page.index('<table class="ranks') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in body.split("<tr")[1:]
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_kernels_stand_below_their_gpu_with_the_time_that_they_took(name: str) -> None:
    one = read(name)
    (tab,) = one.attribution.flames.tabs
    stacks = one.attribution.flames.stacks
    assert tab.tab == "kernels"
    assert {stacks.frames[stacks.stacks[s][0]].function for s in tab.stack.tolist()} == {
        f"GPU {device.device}" for device in one.attribution.devices
    }
    whole = sum(step.duration_ns for step in one.attribution.steps)
    # Kernels of several streams may run at once, never for less than one of them is seen to.
    busy = sum(
        share.busy or 0
        for device in one.attribution.devices
        for share in device.categories
        if share.category is Category.COMPUTE
    )
    computed = tab.ns[tab.category == CATEGORIES.index(Category.COMPUTE)].sum() / whole
    assert computed >= busy * 0.98


def test_of_eight_ranks_each_has_a_row_and_the_late_ones_are_shown() -> None:
    page = page_of(*(f"megatron-rank{n}" for n in range(8)))
    found = rows(page)
    assert [row[0] for row in found] == [str(n) for n in range(8)]
    assert page.count('<tr class="late">') == 2
    assert "The others wait for rank 0, " in page
    assert "Rank 0, which comes last, and rank 1 in step " in page
    static = SCRIPT.sub("", page)
    assert len(static.encode()) <= STATIC_BYTES
    assert elements(page) <= ELEMENTS
    header, _ = unpack(PAYLOAD.search(page)[1])
    assert [tab["label"] for tab in header["tabs"]] == ["GPU kernels"]


def test_of_four_gpus_of_one_process_each_has_a_row() -> None:
    page = page_of("imagenet-gpu4")
    found = rows(page)
    assert [row[1] for row in found] == ["0", "1", "2", "3"]
    assert [row[0] for row in found] == ["0", "", "", ""]
    assert len(SCRIPT.sub("", page).encode()) <= STATIC_BYTES
