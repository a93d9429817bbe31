"""The search for loader settings: near the best of the whole grid, in ten runs, always the same way."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughput.flows.search import RUNS_MOST, Setting, ladder, search

Speed = Callable[[Setting], float]


def loader(cores: int, make: float, train: float, starts: float, bursts: float, sending: float) -> Speed:
    """Return the speed of a training whose batches take `make` of one CPU and `train` on another.

    Workers share the CPUs with the training; more of them than CPUs slow each other by 2 % each. Starting
    them anew costs `starts` a batch for each. Short queues lose `bursts` of the making. A batch from a worker
    costs `sending`.
    """

    def speed(setting: Setting) -> float:
        if not setting.num_workers:
            return 1 / (make + train)
        share = min(setting.num_workers, max(cores - 1, 1) if cores > 1 else 1)
        crowd = 1 + 0.02 * max(0, setting.num_workers - cores)
        queue = setting.num_workers * setting.prefetch_factor
        made = make * crowd * (1 + bursts / queue) / share
        anew = 0.0 if setting.persistent_workers else starts * setting.num_workers
        return 1 / (max(made, train * crowd + sending) + anew)

    return speed


def grid(cores: int) -> list[Setting]:
    """Return every setting of which the search is to find one as good as the best."""
    return [Setting(num_workers=0)] + [
        Setting(num_workers=workers, prefetch_factor=ahead, persistent_workers=kept)
        for workers, ahead, kept in itertools.product(range(1, 2 * cores + 1), (2, 4, 8), (True, False))
    ]


speeds = st.builds(
    lambda cores, *parts: (cores, loader(cores, *parts)),
    st.sampled_from((1, 2, 4, 8, 16)),
    st.floats(0.05, 20),
    st.floats(0.1, 5),
    st.floats(0, 0.05),
    st.floats(0, 2),
    st.floats(0, 0.3),
)


@settings(max_examples=300)
@given(speeds)
def test_near_the_best_of_the_grid_in_ten_runs(made: tuple[int, Speed]) -> None:
    cores, speed = made
    best, tried = search(speed, cores)
    assert len(tried) <= RUNS_MOST
    assert speed(best) >= 0.95 * max(map(speed, grid(cores)))


def test_the_same_runs_each_time() -> None:
    speed = loader(2, 3.0, 1.0, 0.0, 0.5, 0.1)
    assert list(search(speed, 2)[1]) == list(search(speed, 2)[1])


def test_of_settings_as_good_the_one_with_the_fewest_workers() -> None:
    best, tried = search(lambda _setting: 1.0, 8)
    assert best == Setting(num_workers=0)
    assert len(tried) < RUNS_MOST


def test_settings_that_dont_run_are_left() -> None:
    def speed(setting: Setting) -> float:
        return 0.0 if setting.num_workers else 1.0

    assert search(speed, 4)[0] == Setting(num_workers=0)


def test_pinning_is_tried_with_a_device_only() -> None:
    def speed(setting: Setting) -> float:
        return 1.5 if setting.pin_memory else 1.0 + 0.1 * min(setting.num_workers, 1)

    assert search(speed, 2)[0].pin_memory is None
    assert search(speed, 2, pins=lambda: True)[0].pin_memory is True


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_runs_never_exceed_what_is_allowed(cores: int) -> None:
    for most in (1, 3, RUNS_MOST):
        rising = lambda s: s.num_workers + s.prefetch_factor / 10  # noqa: E731 - as short as it is simple
        _, tried = search(rising, cores, pins=lambda: True, runs=most)
        assert len(tried) <= most


def test_numbers_of_workers_to_begin_with() -> None:
    assert ladder(1) == (1, 2)
    assert ladder(2) == (1, 2, 3, 4)
    assert ladder(6) == (1, 2, 4, 8, 12)
    assert ladder(16) == (1, 2, 4, 8, 16, 32)


def test_what_needs_workers_goes_with_them() -> None:
    assert Setting(num_workers=0).knobs() == {"num_workers": 0}
    assert Setting(num_workers=2, pin_memory=True).knobs() == {
        "num_workers": 2, "prefetch_factor": 2, "persistent_workers": True, "pin_memory": True,
    }  # fmt: skip
