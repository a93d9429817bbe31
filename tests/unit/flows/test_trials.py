"""Trials: what is tried, by what it is judged, and what can't be tried at once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from throughput.cli.trial import Asked, _loss, _remarks
from throughput.collect.lockstep import Turns
from throughput.collect.options import ProfileOptions
from throughput.compare.lockstep import PairRatio
from throughput.errors import ScriptFailed, UsageError
from throughput.flows import cold, search_trial, trial
from throughput.flows.experiments import notes_of, with_experiments
from throughput.flows.knob_trials import KNOBS, knob_trials
from throughput.model.category import Block, Category
from throughput.model.experiment import Experiment
from throughput.model.finding import Finding
from throughput.model.timeline import Segments, Step, Timeline

MS = 1_000_000
OPTIONS = ProfileOptions(script="train.py")


def in_turns(step_ms: float, *, samples: int = 8, **facts: Any) -> Timeline:
    """Return ten turns of eight steps with pauses between them."""
    steps, at = [], 0
    for turn in range(10):
        at += 50 * MS
        for number in range(8):
            end = at + round(step_ms * MS)
            steps.append(
                Step(index=8 * turn + number + 1, start_ns=at, end_ns=end, block=Block.LIGHT, samples=samples)
            )
            at = end
    return Timeline(rank=0, steps=tuple(steps), tracks=(), segments=Segments(), facts=facts)


def answers(monkeypatch: pytest.MonkeyPatch, where: Any, second: Any) -> list[ProfileOptions]:
    """Have pairs of processes answer with 10 ms a step, and `second(options)`; return the options asked."""
    asked: list[ProfileOptions] = []

    def pair(sides: tuple[ProfileOptions, ProfileOptions], _turns: Turns) -> tuple[Timeline, Timeline]:
        asked.extend(sides)
        return in_turns(10, losses=[2.0] * 40), second(sides[1])

    monkeypatch.setattr(where, "pair_in_turns", pair)
    return asked


def tried(chosen: trial.Trial, pairs: int = 3) -> Experiment | None:
    return trial.try_one(OPTIONS, chosen, pairs=pairs, turns=Turns(), heard=lambda _ratio: None)


def test_each_setting_of_the_computation_says_what_it_changes() -> None:
    found = {one.name: one for name in KNOBS for one in knob_trials([name], 8)}
    assert [one.knobs for one in found.values()] == [
        {"batch_scale": 2}, {"bf16": True}, {"tf32": True}, {"compile": True}, {"foreach": True},
        {"channels_last": True}, {"threads": 1}, {"threads": 4}, {"threads": 8},
    ]  # fmt: skip
    assert [one.name for one in found.values() if one.per_samples] == ["batch size times 2"]
    assert all(one.watched in one.knobs for one in found.values())
    assert [one.knobs for one in knob_trials(["threads"], 1)] == [{"threads": 1}]


@pytest.mark.parametrize("names", [["bf16", "magic"], []])
def test_settings_that_arent_there(names: list[str]) -> None:
    with pytest.raises(UsageError, match="setting"):
        knob_trials(names, 2)


def test_a_larger_batch_is_judged_by_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, trial, lambda _options: in_turns(16, samples=16, knobs=["batch_scale"]))
    (batch,) = knob_trials(["batch"], 2)
    found = tried(batch)
    assert found is not None
    # 16 ms for 16 samples are 8 ms for 8.
    assert (found.speedup, found.after_ns) == (pytest.approx(10 / 8), pytest.approx(8 * MS))
    assert (found.losses, found.loss_drift) == (0, None)
    assert found.per_samples
    assert any("samples" in line for line in _remarks([found]))


def test_a_setting_that_found_nothing_to_change_is_no_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, trial, lambda _options: in_turns(10, knobs=[]))
    assert tried(knob_trials(["channels_last"], 2)[0]) is None


def test_losses_are_compared_with_those_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = [2.0] * 30 + [2.2] * 10
    asked = answers(monkeypatch, trial, lambda _options: in_turns(5, losses=losses, knobs=["bf16"]))
    found = tried(knob_trials(["bf16"], 2)[0])
    assert found is not None
    assert (found.speedup, found.losses, found.loss_drift_as_is) == (pytest.approx(2), 40, 0)
    assert found.loss_drift == pytest.approx(0.1)
    assert [one.knobs for one in asked[:2]] == [{"losses": True}, {"bf16": True, "losses": True}]
    assert found.knobs == {"bf16": True}
    assert "40 losses differ by +10" in _loss(found)
    assert "no number" in _loss(replace(found, loss_broke=True))
    assert "can't be compared" in _loss(replace(found, loss_drift=None))


def test_the_loaders_ceiling_is_for_a_steps_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, trial, lambda _options: in_turns(2, samples=4))
    (ceiling,) = trial.trials_of({"loader_only": True, "num_workers": 2}, None)
    found = tried(ceiling)
    assert found is not None
    assert found.speedup == pytest.approx(10 / 4)
    assert asked[0].knobs == {}
    assert found.name == "the loader alone, without training (its ceiling), num_workers=2"


def test_the_search_takes_the_best_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def second(options: ProfileOptions) -> Timeline:
        workers = options.knobs["num_workers"]
        if workers == 4:
            raise ScriptFailed("Too much.")
        return in_turns(20 / (1 + min(workers, 2)))

    answers(monkeypatch, search_trial, second)
    heard: list[Any] = []
    found = search_trial.search_settings(
        OPTIONS, 2, turns=Turns(), heard=lambda setting, one: heard.append((setting.num_workers, one))
    )
    assert found.best is not None
    assert found.best.knobs["num_workers"] == 2
    assert found.best.speedup == pytest.approx(1.5)
    assert len(heard) <= 10
    assert len(found.tried) == sum(one is not None for _, one in heard)


def test_the_search_names_no_setting_where_none_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, search_trial, lambda _options: in_turns(10))
    heard = {"turns": Turns(), "heard": lambda _setting, _one: None}
    assert search_trial.search_settings(OPTIONS, 2, **heard).best is None  # type: ignore[arg-type]


def test_a_script_that_runs_with_no_setting_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_options: ProfileOptions) -> Timeline:
        raise ScriptFailed("It broke.")

    answers(monkeypatch, search_trial, fails)
    with pytest.raises(ScriptFailed, match="broke"):
        search_trial.search_settings(OPTIONS, 2, turns=Turns(), heard=lambda _setting, _one: None)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(settings={}, search=True, cold=True),
        Asked(settings={"num_workers": 1}, search=True),
        Asked(settings={}, knobs="bf16", cold=True),
        Asked(settings={"cached": True, "loader_only": True}),
    ],
)
def test_what_cant_be_tried_at_once(asked: Asked) -> None:
    with pytest.raises(UsageError, match="at once"):
        asked.check()


COLD = Experiment(
    name="cold", knobs={"cold": True}, speedup=0.5, low=0.4, high=0.6, pairs=2, before_ns=1e6, after_ns=2e6,
    form="one after the other",
)  # fmt: skip


def test_experiments_without_a_finding_are_notes() -> None:
    layout = Finding(
        rule="layout-transposes", title="", category=Category.COMPUTE, where=None, evidence=(), fix="",
        saves_ns_per_step=1e6,
    )  # fmt: skip
    nhwc = replace(COLD, name="models in channels_last", knobs={"channels_last": True}, form="in turns")
    (note,) = notes_of([COLD, nhwc], [layout])
    assert note.startswith("Tried: cold: 0.50x (0.40x to 0.60x), measured one after the other, 2")
    (found,) = with_experiments([layout], [COLD, nhwc])
    assert found.prediction is not None
    assert (found.prediction.basis, found.prediction.speedup) == ("experiment", 0.5)
    assert "channels_last" in found.prediction.assumes


def test_cold_runs_alternate_and_their_ratio_is_of_the_steps_that_both_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    def ran(_options: ProfileOptions, _limit: float, *, looks: bool) -> Any:
        is_cold = calls[-1:] == ["drop"]
        calls.append("look" if looks else "run")
        run = type("Run", (), {"startup_s": 1.0})()
        return cold._Ran(timeline=in_turns(20 if is_cold else 10), run=run, files=("data.bin",))

    monkeypatch.setattr(cold, "_run", ran)
    monkeypatch.setattr(cold, "drop_from_cache", lambda _files: calls.append("drop"))
    monkeypatch.setattr(cold, "read_into_cache", lambda _files: calls.append("read"))
    found = cold.try_cold(OPTIONS, pairs=2, seconds=5, dropped=lambda _found: None, heard=lambda _ratio: None)
    assert calls == ["look", "drop", "run", "read", "run", "read", "run", "drop", "run"]
    assert found.speedup == pytest.approx(0.5)
    assert (found.before_ns, found.after_ns) == (pytest.approx(10 * MS), pytest.approx(20 * MS))


def test_a_script_without_data_files_has_nothing_to_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = cold._Ran(timeline=in_turns(10), run=type("Run", (), {"startup_s": 1.0})(), files=())
    monkeypatch.setattr(cold, "_run", lambda *_args, **_kwargs: ran)
    with pytest.raises(UsageError, match="nothing to drop"):
        cold.try_cold(OPTIONS, pairs=1, seconds=5, dropped=lambda _x: None, heard=lambda _x: None)


def test_reading_into_the_cache_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    cold.read_into_cache([str(tmp_path / "a"), str(tmp_path / "gone")])


def test_ratios_of_pairs_are_finite() -> None:
    pair = PairRatio(log_ratio=math.log(2), blocks=10, error=0.01, first_ns=1.0, second_ns=2.0)
    made = trial.experiment_of(trial.Trial(name="x", knobs={}), trial.Tried([pair], [([], [])]))
    assert np.isfinite([made.speedup, made.low, made.high]).all()
