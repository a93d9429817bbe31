"""Useful work of a clean step: FLOPs of what it held, the ceiling, and the cache of measured ceilings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from throughput.attribute.peaks import table_ceiling
from throughput.attribute.useful import flops_per_step, module_rows
from throughput.errors import UsageError
from throughput.flows.ceilings import ceiling_of, ceilings_file, keep_ceilings, read_ceilings
from throughput.flows.merge import mean_throughput
from throughput.flows.speed import throughput_of
from throughput.flows.useful import with_work
from throughput.model.category import Block, Phase
from throughput.model.ceilings import MeasuredCeiling
from throughput.model.timeline import Segments, Step, Timeline
from throughput.model.work import Ceiling, ModuleWork, Padding, Work

MS = 1_000_000
CEILING = Ceiling(flops_per_s=1e12, source="measured")
WORK = Work(
    steps=2,
    start_ns=1000 * MS,
    end_ns=1040 * MS,
    flops=4e9,
    coverage=0.97,
    dtype="float32",
    modules=(
        ModuleWork(name="Net.a", kind="Linear", calls=8, forward_ns=8 * MS, backward_ns=16 * MS, flops=4e9),
        ModuleWork(name="", kind="", calls=0, forward_ns=0, backward_ns=2 * MS, flops=0),
    ),
)


def steps(start_ms: int, each_ms: int, block: Block, **held: int | None) -> list[Step]:
    return [
        Step(
            index=n,
            start_ns=(start_ms + n * each_ms) * MS,
            end_ns=(start_ms + (n + 1) * each_ms) * MS,
            block=block,
            **held,
        )
        for n in range(40 if block is Block.LIGHT else 2)
    ]


def timeline(work: Work = WORK, clean_tokens: int | None = 800, padding: Padding | None = None) -> Timeline:
    """Return 40 clean steps of 10 ms and two shaped ones of 20 ms, half of each backward."""
    found = [
        *steps(0, 10, Block.LIGHT, tokens=clean_tokens, samples=8),
        *steps(1000, 20, Block.DROPPED, tokens=400, samples=8),
    ]
    rows = [
        (int(phase), begin, end)
        for s in found
        for phase, begin, end in (
            (Phase.REST, s.start_ns, (s.start_ns + s.end_ns) // 2),
            (Phase.BACKWARD, (s.start_ns + s.end_ns) // 2, s.end_ns),
        )
    ]
    phase, start, end = np.array(rows, dtype=np.int64).T
    segments = Segments(phase=phase, start_ns=start, end_ns=end, cpu_ns=end - start, runq_ns=start * 0)
    return Timeline(rank=0, steps=tuple(found), tracks=(), segments=segments, work=work, padding=padding)


def speed(made: Timeline, ceiling: Ceiling | None = CEILING) -> Any:
    return with_work(throughput_of(made), made, ceiling)


def test_flops_are_scaled_to_the_tokens_of_clean_steps() -> None:
    assert flops_per_step(timeline()) == pytest.approx(2 * 2e9)
    assert flops_per_step(timeline(clean_tokens=None)) == pytest.approx(2e9)
    assert flops_per_step(timeline(Work())) is None


def test_tokens_padding_flops_and_mfu() -> None:
    padding = Padding(batches=9, tokens=1000, useful=750, source="attention_mask")
    found = speed(timeline(padding=padding))
    assert found.tokens_per_s == pytest.approx(80_000)
    assert found.useful_tokens_per_s == pytest.approx(60_000)
    assert found.padding_share == pytest.approx(0.25)
    assert found.tflops == pytest.approx(0.4)
    assert (found.mfu.value, found.mfu.peak, found.mfu.peak_source) == (pytest.approx(0.4), 1e12, "measured")
    assert found.mfu_missing is None


@pytest.mark.parametrize(
    ("work", "ceiling", "words"),
    [
        (replace(WORK, coverage=0.89, uncounted=(("my::kernel", 0.11),)), CEILING, "my::kernel"),
        (WORK, None, "doctor --bench"),
        (replace(WORK, on_device=True), None, "no peak is known"),
        (replace(WORK, flops=0.0), CEILING, "no operator"),
        (WORK, Ceiling(flops_per_s=1e11, source="table"), "faster than the ceiling"),
    ],
)
def test_no_mfu_without_enough_coverage_or_a_ceiling(work: Work, ceiling: Ceiling | None, words: str) -> None:
    found = speed(timeline(work), ceiling)
    assert found.mfu is None
    assert words in found.mfu_missing
    assert found.flops_per_step is not None


def test_nothing_was_counted() -> None:
    found = speed(timeline(Work(), clean_tokens=None))
    assert (found.tokens_per_s, found.flops_per_step) == (None, None)
    assert (found.mfu, found.mfu_missing) == (None, None)
    assert with_work(None, timeline(), CEILING) is None


def test_modules_have_the_time_of_clean_steps() -> None:
    first, outside = module_rows(timeline(), CEILING)
    assert (first.name, first.calls_per_step) == ("Net.a", 4)
    assert first.forward_ns == pytest.approx(2 * MS)
    assert first.backward_ns == pytest.approx(4 * MS)
    assert first.share == pytest.approx(0.6)
    assert first.ceiling_share == pytest.approx(4e9 / 6e-3 / 1e12)
    assert (outside.name, outside.forward_ns) == ("", None)
    assert module_rows(timeline(Work()), CEILING) == ()


def test_ranks_add_up() -> None:
    one = speed(timeline(padding=Padding(batches=1, tokens=100, useful=50, source="labels")))
    both = mean_throughput([one, one])
    assert both is not None
    assert both.tokens_per_s == 2 * one.tokens_per_s
    assert both.padding_share == pytest.approx(0.5)
    assert both.tflops == pytest.approx(2 * one.tflops)
    assert both.mfu == one.mfu
    other = replace(one, mfu=replace(one.mfu, peak=2e12), tokens_per_s=None)
    mixed = mean_throughput([one, other])
    assert mixed is not None
    assert (mixed.mfu, mixed.tokens_per_s) == (None, None)


@pytest.mark.parametrize(
    ("name", "dtype", "tf32", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", False, 989.5),
        ("NVIDIA H100 PCIe", "float32", True, 378),
        ("NVIDIA A100-SXM4-80GB", "float32", False, 19.5),
        ("Tesla V100-SXM2-32GB", "float16", False, 125),
        ("NVIDIA L40S", "float8", False, 733),
        ("Tesla V100-SXM2-32GB", "bfloat16", False, None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "float16", False, None),
        ("NVIDIA A1000", "float16", False, None),
        (None, "float16", False, None),
    ],
)
def test_the_table_of_peaks(name: str | None, dtype: str, tf32: bool, tera: float | None) -> None:
    found = table_ceiling(name, dtype, tf32=tf32)
    assert found == (None if tera is None else Ceiling(flops_per_s=tera * 1e12, source="table"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def measured(threads: int | None, flops: float = 1e11, device: str = "Some CPU") -> MeasuredCeiling:
    return MeasuredCeiling(
        device=device,
        threads=threads,
        flops_per_s={"float32": flops, "tf32": 8 * flops},
        bytes_per_s=1e10,
        torch_version="2.13.0",
        measured_at="2026-01-01T00:00:00+00:00",
    )


def test_measured_ceilings_are_kept_and_replaced(cache: Path) -> None:
    assert read_ceilings() == ()
    assert keep_ceilings([measured(1), measured(2)]) == cache / "throughput" / "ceilings.json"
    keep_ceilings([measured(2, 2e11)])
    assert sorted(c.flops_per_s["float32"] for c in read_ceilings()) == [1e11, 2e11]


def test_a_cache_that_can_not_be_read_or_written_is_none(cache: Path) -> None:
    ceilings_file().parent.mkdir()
    for data in (b"{", b"[]", b'{"schema": 99, "ceilings": []}', b"\xff"):
        ceilings_file().write_bytes(data)
        assert read_ceilings() == ()
    ceilings_file().unlink()
    ceilings_file().parent.rmdir()
    ceilings_file().parent.write_text("in the way")
    with pytest.raises(UsageError):
        keep_ceilings([measured(1)])


def test_which_ceiling_a_run_has() -> None:
    known = [measured(1), measured(2, 2e11), measured(None, 5e13, "Some GPU")]
    cpu = {"cpu_model": "Some CPU"}
    on_cpu = ceiling_of(WORK, cpu, {"num_threads": 2, "matmul_precision": "high"}, known)
    assert on_cpu == Ceiling(flops_per_s=2e11, source="measured")
    assert ceiling_of(WORK, cpu, {"num_threads": 4}, known) is None
    assert ceiling_of(WORK, {"cpu_model": "Another"}, {"num_threads": 2}, known) is None
    assert ceiling_of(replace(WORK, dtype="bfloat16"), cpu, {"num_threads": 2}, known) is None
    gpu = replace(WORK, on_device=True)
    tf32 = {"device_name": "Some GPU", "matmul_precision": "high", "num_threads": 2}
    assert ceiling_of(gpu, cpu, tf32, known) == Ceiling(flops_per_s=4e14, source="measured")
    h100 = {"device_name": "NVIDIA H100 80GB HBM3"}
    assert ceiling_of(gpu, cpu, h100, known) == Ceiling(flops_per_s=67e12, source="table")
