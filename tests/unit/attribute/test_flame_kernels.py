"""The graph of what devices ran: below each device what launched it, then kernels by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.attribute.scenes import MS
from tests.unit.attribute.test_device import COMMUNICATION, COMPUTE, OK, SENT, device_run
from tests.unit.attribute.test_flames import tab, times
from tests.unit.attribute.test_trace import attributed
from tests.unit.flows.trace_scenes import training
from throughput.attribute.attribution import attribute
from throughput.attribute.flame_kernels import short_name
from throughput.model.attribution import Attribution
from throughput.model.category import CATEGORIES, Category
from throughput.model.timeline import Timeline

NAMES = (
    "ampere_sgemm_128x64_nn",
    "void at::native::add_kernel<4, Add<float>>(int, Add<float>)",
    "Memcpy HtoD",
)


def named(timeline: Timeline, *names: int) -> Timeline:
    """Return the timeline with its device work named, the same names in each traced step."""
    work = timeline.device_work
    column = np.tile(np.array(names, dtype=np.int64), len(work.kind) // len(names))
    return replace(timeline, device_work=replace(work, name=column, names=NAMES))


def categories(found: Attribution) -> dict[str, Category]:
    """Return the category of each last function."""
    rows, stacks = tab(found, "kernels"), found.flames.stacks
    pairs = zip(rows.stack.tolist(), rows.category.tolist(), strict=True)
    return {stacks.frames[stacks.stacks[s][-1]].function: CATEGORIES[c] for s, c in pairs}


def test_a_runs_kernels_stand_below_their_gpu_by_name() -> None:
    work = ((0, COMPUTE, 40, 60), (0, COMPUTE, 60, 70), (1, SENT, 20, 25))
    found = attribute(named(device_run(*work), 0, 1, 2), OK)
    assert times(found, "kernels") == pytest.approx(
        {
            ("GPU 0", NAMES[0]): 20,
            ("GPU 0", "add_kernel", NAMES[1]): 10,
            ("GPU 1", NAMES[2]): 5,
        }
    )
    assert categories(found)[NAMES[2]] is Category.HOST_TO_DEVICE
    rows = tab(found, "kernels")
    assert rows.steps == 3
    assert (rows.step == -1).all()  # traced steps are not among those that the page draws


def test_what_reaches_over_a_step_is_cut() -> None:
    found = attribute(named(device_run((0, COMPUTE, 90, 104), torch_steps=1), 0), OK)
    assert times(found, "kernels") == pytest.approx({("GPU 0", NAMES[0]): 10})


def test_without_names_there_is_no_graph() -> None:
    found = attribute(device_run((0, COMPUTE, 40, 60), (0, COMMUNICATION, 50, 70)), OK)
    assert "kernels" not in [one.tab for one in found.flames.tabs]


def test_a_traces_kernels_stand_below_what_launched_them_in_steps_that_can_be_chosen() -> None:
    found = attributed(training(4))
    seen = times(found, "kernels")
    rows = tab(found, "kernels")
    assert set(rows.step.tolist()) == set(range(4))
    assert all(path[0] == "GPU 0" for path in seen)
    assert any(len(path) > 2 and "::" in path[1] for path in seen), seen
    (device,) = found.devices
    step = found.steps[0].duration_ns
    busy = sum(share.busy or 0 for share in device.categories if share.category is Category.COMPUTE)
    computed = rows.ns[rows.category == CATEGORIES.index(Category.COMPUTE)].sum() / rows.steps
    assert computed / MS == pytest.approx(busy * step / MS, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (NAMES[0], NAMES[0]),
        (NAMES[1], "add_kernel"),
        ("void (anonymous namespace)::softmax_warp<float, 7>(float*, int)", "softmax_warp"),
        ("ncclDevKernel_AllReduce_f32(ncclDevKernelArgsStorage<4096ul>)", "ncclDevKernel_AllReduce_f32"),
        ("<>", "<>"),
        ("a -> b", "b"),
        ("", ""),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short
