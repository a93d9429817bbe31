"""Power from the energy counter: which GPUs count, over which time; without one it is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.unit.attribute.scenes import Scene
from throughput.attribute.energy import gpu_watts
from throughput.model.category import Phase
from throughput.model.timeline import Counter, Timeline

S = 1_000_000_000


def counter(name: str, values: list[float], unit: str = "joule") -> Counter:
    times = np.arange(len(values), dtype=np.int64) * S
    return Counter(name=name, unit=unit, time_ns=times, value=np.array(values))


def run(*counters: Counter) -> Timeline:
    scene = Scene()
    scene.step((Phase.REST, 10))
    return replace(scene.timeline(), counters=counters, window_ns=(S, 4 * S))


def test_power_is_energy_over_the_window() -> None:
    energy = counter("gpu0_energy_joule", [0, 100, 200, 400, 700, 5000])
    assert gpu_watts(run(energy)) == 200.0  # from 1 s to 4 s


def test_only_gpus_with_processes_of_the_run_count() -> None:
    mine = counter("gpu0_energy_joule", [0, 0, 50, 100, 150])
    other = counter("gpu1_energy_joule", [0, 0, 500, 1000, 1500])
    used = counter("gpu0_own_processes", [0, 1, 1, 1, 1], "count")
    idle = counter("gpu1_own_processes", [0, 0, 0, 0, 0], "count")
    assert gpu_watts(run(mine, other, used, idle)) == 50.0


def test_which_of_several_gpus_were_used_must_be_known() -> None:
    energies = [counter(f"gpu{n}_energy_joule", [0, 1, 2, 3, 4]) for n in (0, 1)]
    assert gpu_watts(run(*energies)) is None


def test_without_enough_readings_nothing_is_said() -> None:
    assert gpu_watts(run()) is None
    assert gpu_watts(run(counter("gpu0_energy_joule", [0, 100]))) is None
    assert (
        gpu_watts(run(counter("gpu0_energy_joule", [0, 900, 100, 50, 10]))) is None
    )  # the driver was loaded anew
