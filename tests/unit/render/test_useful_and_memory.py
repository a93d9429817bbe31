"""Useful work, modules and memory in words: with figures, without, and with hostile names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.render import builders as b
from throughput.model.memory import KeptAt, KeptMemory, Memory, MemoryGrowth, ProcessMemory
from throughput.model.report import Analysis, Throughput
from throughput.model.work import Mfu, ModuleRow
from throughput.render.html import report_html
from throughput.render.json_report import report_from_json, report_to_json
from throughput.render.markdown import MOST_BYTES, report_markdown
from throughput.render.memory import growth, kept, memory_rows
from throughput.render.useful import module_lines, work


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


def counted(**changes: object) -> Throughput:
    made = replace(
        b.speed(),
        tokens_per_s=40_000.0,
        useful_tokens_per_s=30_000.0,
        padding_share=0.25,
        flops_per_step=34e9,
        flops_coverage=0.99,
        tflops=0.35,
        mfu=Mfu(value=0.38, peak=0.9e12, peak_source="measured"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


MODULE = ModuleRow(
    name="GPT.blocks.*.qkv",
    kind="Linear",
    calls_per_step=12.0,
    forward_ns=3e6,
    backward_ns=6e6,
    share=0.3,
    flops_per_step=8e9,
    ceiling_share=0.55,
)
GROWTH = MemoryGrowth(
    role="training process",
    bytes_per_step=0.4e6,
    low=0.35e6,
    high=0.45e6,
    steps=200,
    first_bytes=1e9,
    last_bytes=1.08e9,
    is_steady=True,
    steps_to_limit=40_000.0,
)
MEMORY = Memory(
    rss_peak_bytes=1.2e9,
    rss_peak_by_pid={"7": 1.2e9},
    processes=(
        ProcessMemory(
            pid=7, role="training process", rss_peak_bytes=1.2e9, shared_peak_bytes=2e8, pss_bytes=1e9
        ),
        ProcessMemory(
            pid=8, role="DataLoader worker", rss_peak_bytes=4e8, shared_peak_bytes=None, pss_bytes=None
        ),
    ),
    shared_memory_bytes=1e8,
    limit_bytes=16e9,
    limit_source="control group",
    growth=GROWTH,
)


def test_work_in_two_lines() -> None:
    tokens, flops = (spaced(words) for _, words in work(counted()))
    assert tokens == "30,000 useful tokens/s of 40,000 tokens/s, 25 % padding"
    assert flops == "34.0 GFLOP a step (99 % counted), 350 GFLOP/s, MFU 38 % of 900 GFLOP/s (measured)"


def test_why_there_is_no_mfu_or_no_padding() -> None:
    tokens, flops = work(counted(mfu=None, mfu_missing="unknown kernels", useful_tokens_per_s=None))
    assert "padding not measured" in tokens[1]
    assert flops[1].endswith("no MFU: unknown kernels")
    assert work(b.speed()) == ()
    assert work(None) == ()


def test_modules_under_half_a_percent_are_left_out() -> None:
    nameless = replace(MODULE, name="", forward_ns=None, ceiling_share=None)
    rows = (MODULE, nameless, replace(MODULE, share=0.004))
    first, outside = module_lines(b.report(modules=rows), 10)
    assert (first.name, first.kind, first.calls) == ("GPT.blocks.*.qkv", "Linear", "12")
    assert outside.name == "outside of modules"
    assert (outside.calls, outside.forward, outside.ceiling) == ("–", "–", "–")
    assert module_lines(b.report(), 10) == ()


def test_growth_says_when_the_limit_is_reached() -> None:
    text = spaced(growth(MEMORY))
    assert text == (
        "training process, 400 kB a step (350 kB to 450 kB a step): "
        "at this rate the limit of 16.0 GB is reached in 40,000 steps"
    )
    none = spaced(growth(replace(MEMORY, growth=replace(GROWTH, low=-1e3))))
    assert none.startswith("none beyond its interval, −1")
    assert "less and less" in growth(replace(MEMORY, growth=replace(GROWTH, is_steady=False)))
    assert spaced(growth(Memory(growth_missing="too short"))) == "not measured: too short"


def test_lines_that_keep_memory() -> None:
    def at(line: int, size: float, graphs: float) -> KeptAt:
        return KeptAt(
            function="train" if line == 9 else "",
            file="train.py",
            line=line,
            objects_per_step=2.0,
            bytes_per_step=size,
            tensors_per_step=graphs,
            graphs_per_step=graphs,
        )

    lines = (at(9, 80.0, 1.0), at(20, 1e5, 0.0))
    grown = replace(GROWTH, kept=KeptMemory(steps=6, bytes_per_step=1e5, lines=lines))
    assert [spaced(line) for line in kept(grown)] == [
        "train.py:9 (train) keeps more with each step: 2 objects, 80 B, 1 of them tensors, 1 with a graph",
        "train.py:20 keeps more with each step: 2 objects, 100 kB",
        "300 kB a step is held by those graphs, or by C code: no line of Python allocates it",
    ]
    unseen = replace(GROWTH, kept=KeptMemory(steps=6, bytes_per_step=0.0))
    assert [spaced(line) for line in kept(unseen)] == [
        "400 kB a step is held by C code: no line of Python allocates it"
    ]
    assert kept(GROWTH) == kept(None) == ()


def test_memory_by_process() -> None:
    rows = {title: spaced(value) for title, value in memory_rows(MEMORY)}
    assert rows["Training process"].startswith("1.20 GB resident, 200 MB of files and shared memory")
    assert rows["DataLoader workers"].startswith("1 process, the largest 400 MB resident")
    assert rows["Device memory"] == "not measured"
    assert memory_rows(None) == ()


@pytest.mark.parametrize("hostile", b.HOSTILE)
def test_every_format_shows_them(hostile: str) -> None:
    report = b.report(
        throughput=counted(mfu=None, mfu_missing=hostile),
        modules=(replace(MODULE, name=hostile or "x", kind=hostile), MODULE),
        memory=replace(MEMORY, limit_source=hostile),
    )
    page = report_html(Analysis(report=report))
    assert "Useful work" in page
    assert "GPT.blocks.*.qkv" in page
    assert "<img src=x" not in page
    assert "Growth" in page
    markdown = report_markdown(report)
    assert len(markdown.encode()) <= MOST_BYTES
    assert "## Modules" in markdown
    assert "<img" not in re.sub(r"`[^`]*`", "", markdown)
    report_from_json(report_to_json(report))


def test_a_report_of_before_is_read() -> None:
    old = report_to_json(b.report(memory=MEMORY)).replace(b'"processes"', b'"unknown"')
    assert report_from_json(old).memory == replace(MEMORY, processes=())
