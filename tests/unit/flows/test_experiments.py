"""Experiments of a run: kept beside it, read with care, and put in place of what was predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from throughput.errors import DamagedFile, UsageError
from throughput.flows.experiments import FILE, arguments_of, read_experiments, with_experiments
from throughput.flows.trial import keep
from throughput.flows.whatif import parts_left
from throughput.model.category import Category
from throughput.model.experiment import Experiment
from throughput.model.finding import Finding, LoaderSettings, Prediction

TRIED = Experiment(
    name="num_workers=2", knobs={"num_workers": 2}, speedup=1.5, low=1.4, high=1.6, pairs=3, before_ns=3e6,
    after_ns=2e6,
)  # fmt: skip
FOUND = Finding(
    rule="too-few-workers", title="", category=Category.DATA_LOADING, where=None, evidence=(), fix="",
    saves_ns_per_step=1e6, prediction=Prediction(speedup=2.0, low=1.0, high=2.0),
    sets=LoaderSettings(num_workers=2),
)  # fmt: skip


def test_what_was_kept_is_read_and_a_setting_tried_again_replaces_its_old_result(tmp_path: Path) -> None:
    keep(tmp_path, [TRIED])
    again = replace(TRIED, speedup=1.55)
    other = replace(TRIED, name="threads", knobs={"threads": 1})
    keep(tmp_path, [again, other])
    assert read_experiments(tmp_path) == (again, other)


def test_a_finding_whose_setting_was_tried_says_what_was_measured() -> None:
    (found,) = with_experiments([FOUND], [TRIED])
    assert found.prediction is not None
    assert (found.prediction.basis, found.prediction.speedup) == ("experiment", 1.5)
    other = replace(FOUND, sets=LoaderSettings(num_workers=3))
    no_settings = replace(FOUND, sets=None)
    uneven = replace(FOUND, sets=LoaderSettings(even_workers=True))
    assert with_experiments([other, no_settings, uneven], [TRIED]) == (other, no_settings, uneven)
    assert arguments_of(LoaderSettings(even_workers=True)) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"experiments": 3}', '{"schema": 99}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(DamagedFile, match=FILE):
        read_experiments(tmp_path)


def test_a_run_without_experiments_has_none(tmp_path: Path) -> None:
    assert read_experiments(tmp_path) == ()
    (tmp_path / "elsewhere").write_text("{}", encoding="utf-8")
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    assert read_experiments(tmp_path) == ()


def test_parts_that_stay() -> None:
    assert parts_left(["numpy.round"], ["a=b=0.2"]) == {"numpy.round": 0.0, "a=b": 0.2}
    for wrong in ("augment", "augment=", "=0.5", "augment=-1", "augment=inf", "augment=nan"):
        with pytest.raises(UsageError, match="NAME=PART"):
            parts_left([], [wrong])
