"""The verdict: each variant of its sentence, and what it never says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tests.unit.render import builders as b
from tests.unit.render.strategies import reports
from throughput.model.attribution import SplitRow
from throughput.model.category import CATEGORIES, Category, Source
from throughput.model.report import Headline, Report
from throughput.render import view

Split = tuple[SplitRow, ...]


def verdict(split: Split, *, steps: int = 150, findings: bool = True, rules: bool = True) -> Headline:
    found = ((b.finding(),) if findings else ()) if rules else None
    return view.headline(split, b.speed(), (b.hotspot(),), found, view.has_device(split), steps)


def text(head: Headline) -> str:
    return " ".join((head.sentence, *head.evidence)).replace("\u00a0", " ")


def test_bottleneck_on_a_device_says_that_the_gpu_waits() -> None:
    head = verdict(b.gpu_split(data_loading=0.59, compute=0.35, host_work=0.06))
    assert head.kind == "bottleneck"
    assert text(head).startswith("Data loading is the bottleneck: the GPU waits for it 59 % of each step")
    assert "A step takes 160 ms ± 3, of which 94 ms is data loading." in text(head)
    assert "from 1,597 samples/s to at most 3,895 samples/s (2.44x)" in text(head)
    assert "numpy.round, called at data/augment.py:48 (in DataLoader workers), 50 ms" in text(head)


def test_bottleneck_on_a_cpu_names_no_gpu() -> None:
    head = verdict(b.cpu_split(data_loading=0.59, compute=0.41))
    assert (
        head.sentence.replace("\u00a0", " ") == "Data loading is the bottleneck: it takes 59 % of each step"
    )


def test_without_device_intervals_the_gpu_is_not_said_to_wait() -> None:
    split = tuple(replace(row, source=Source.TIMER) for row in b.gpu_split(data_loading=0.59, compute=0.41))
    assert "it takes" in verdict(split).sentence


def test_the_device_does_not_wait_for_its_own_copies() -> None:
    assert "it takes" in verdict(b.gpu_split(host_to_device=0.6, compute=0.4)).sentence


def test_balanced_when_nothing_is_large() -> None:
    head = verdict(b.cpu_split(compute=0.38, data_loading=0.32, host_work=0.3))
    assert head.kind == "balanced"
    assert text(head).startswith("No single bottleneck: the largest share is CPU compute at 38 %")


def test_balanced_when_the_first_two_overlap() -> None:
    head = verdict(b.cpu_split(data_loading=0.46, host_work=0.45, compute=0.09))
    assert head.kind == "balanced"
    assert "data loading (46 %) and host work (Python) (45 %) are within noise" in text(head)


def test_good_when_the_device_is_busy() -> None:
    head = verdict(b.gpu_split(compute=0.94, data_loading=0.06), findings=False)
    assert head.kind == "good"
    assert text(head).startswith(
        "The GPU is busy 94 % of each step; look at the kernels, not the input pipeline"
    )
    assert "Nothing worth fixing was found." in text(head)


def test_compute_under_that_is_neither_good_nor_a_wait() -> None:
    head = verdict(b.gpu_split(compute=0.7, data_loading=0.3))
    assert head.kind == "bottleneck"
    assert "computes during 70 % of each step; the largest other part is data loading (30 %)" in text(head)


def test_cpu_training() -> None:
    split = b.cpu_split(compute=0.71, data_loading=0.29)
    clean = verdict(split, findings=False)
    assert clean.kind == "good"
    assert text(clean).startswith(
        "CPU training: compute is 71 % of each step; nothing worth fixing was found"
    )
    assert verdict(split).kind == "bottleneck"
    assert verdict(split).sentence.endswith("of each step")


def test_nothing_worth_fixing_is_said_only_where_rules_looked() -> None:
    split = b.cpu_split(compute=0.71, data_loading=0.29)
    assert "worth fixing" not in text(verdict(split, rules=False))
    assert "The rules know no fix" in text(
        verdict(b.cpu_split(data_loading=0.8, compute=0.2), findings=False)
    )


@pytest.mark.parametrize(("steps", "words"), [(6, "Too short to say: 6 steps"), (1, "1 step")])
def test_weak_when_there_are_few_steps(steps: int, words: str) -> None:
    head = verdict(b.cpu_split(compute=1.0), steps=steps)
    assert head.kind == "weak"
    assert words in text(head)
    assert "at most" not in text(head)


def test_weak_when_the_interval_is_wide() -> None:
    split = (b.row(Category.DATA_LOADING, 0.5, 0.2), b.row(Category.COMPUTE, 0.3))
    assert text(verdict(split)).startswith("Too uncertain to say: data loading takes 30 % to 70 %")


def test_weak_when_most_is_unattributed() -> None:
    assert "55 % of each step could not be attributed" in text(
        verdict(b.cpu_split(unattributed=0.55, compute=0.45))
    )


def test_none_without_steps_or_split() -> None:
    no_steps = view.headline(b.cpu_split(), None, (), (), False, 0)
    assert no_steps.kind == "none"
    no_split = verdict((b.row(Category.COMPUTE, None),))
    assert no_split.kind == "none"
    assert "not measured" in no_split.sentence


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_makes_a_sentence(category: Category) -> None:
    head = verdict((b.row(category, 0.9), b.row(Category.IDLE, 0.1)))
    assert "90" in head.sentence
    assert head.kind in ("bottleneck", "good", "weak")


@given(reports())
def test_the_verdict_is_always_short_and_on_a_cpu_names_no_gpu(made: Report) -> None:
    head = made.headline
    assert head.kind in ("bottleneck", "balanced", "good", "weak", "none")
    assert head.sentence
    assert len(head.evidence) <= 3
    assert all(len(line) < 700 for line in head.evidence)
    if not view.has_device(made.split):
        assert "GPU" not in head.sentence
