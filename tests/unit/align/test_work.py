"""FLOPs of recorded models are those of the formulas, forward and backward, and belong to their modules."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.align.shaped_runs import Shaped, record
from throughput.align.flops import flops_of, is_known_light
from throughput.align.torch_trace import load_trace
from throughput.align.work import read_work, shaped_steps
from throughput.model.category import Block
from throughput.model.timeline import Step
from throughput.model.work import Work

BOTH_WAYS = 3
"""Forward, and in backward the gradients of input and weight: as much each."""
WIDTH, LAYERS, LENGTH, ROWS, WORDS = 64, 2, 128, 4, 256
PER_STEP = {
    "linear": BOTH_WAYS * 2 * 32 * 64 * 128,
    "linear_3d": BOTH_WAYS * 2 * 32 * 64 * 128,
    "conv": BOTH_WAYS * 2 * 4 * 16 * 16 * 16 * (8 // 2) * 9,
    "conv_1d": BOTH_WAYS * 2 * 4 * 92 * 16 * 8 * 5,
    "transposed": BOTH_WAYS * 2 * 4 * 16 * 16 * 8 * 16 * 16,
    "first_conv": 2 * 2 * 4 * 30 * 30 * 16 * 3 * 9,
    "attention": BOTH_WAYS * 4 * 2 * 4 * 128 * 128 * 32,
    # 6 N a token, and 12 x layers x width x length for attention (PaLM, appendix B)
    "gpt": ROWS * LENGTH * (6 * (LAYERS * 12 * WIDTH**2 + WIDTH * WORDS) + 12 * LAYERS * WIDTH * LENGTH),
    "lstm": BOTH_WAYS * 2 * 20 * 8 * (32 + 64) * 4 * 64,
}


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Shaped:
    return record(tmp_path_factory.mktemp("shaped"))


@pytest.mark.parametrize("name", PER_STEP)
def test_flops_are_those_of_the_formula(shaped: Shaped, name: str) -> None:
    work = shaped.work[name]
    assert work.steps == 2
    assert work.flops / work.steps == pytest.approx(PER_STEP[name], rel=0.01)
    assert work.dtype == "float32"
    assert work.coverage > 0.9, work.uncounted


def test_flops_belong_to_modules(shaped: Shaped) -> None:
    work = shaped.work["gpt"]
    rows = {(row.name, row.kind): row for row in work.modules}
    assert sum(row.flops for row in work.modules) == pytest.approx(work.flops)
    a_weight = work.steps * LAYERS * BOTH_WAYS * 2 * ROWS * LENGTH
    for name, outputs in (("GPT.blocks.*.qkv", 3 * WIDTH), ("GPT.blocks.*.mlp.*", 8 * WIDTH)):
        row = rows[name, "Linear"]
        assert row.flops == pytest.approx(a_weight * WIDTH * outputs)
        assert row.forward_ns > 0
        assert row.backward_ns > 0
    attention = BOTH_WAYS * 4 * ROWS * LENGTH * LENGTH * WIDTH
    assert rows["GPT.blocks.*", "Block"].flops == pytest.approx(work.steps * LAYERS * attention)
    assert rows["GPT.blocks.*.qkv", "Linear"].calls == work.steps * LAYERS
    assert rows["GPT.blocks.*.mlp.*", "GELU"].flops == 0


def test_what_can_not_be_counted_lowers_the_coverage(shaped: Shaped) -> None:
    work = shaped.work["custom"]
    assert work.coverage < 0.5
    name, share = work.uncounted[0]
    assert name == "Custom"
    assert share == pytest.approx(1 - work.coverage, abs=0.1)


def test_a_causal_mask_halves_nothing_and_backward_counts_four_products() -> None:
    query, key = [2, 4, 100, 32], [2, 4, 50, 32]
    forward = flops_of("aten::scaled_dot_product_attention", [query, key, key], ["", "", "", "", "", "True"])
    assert forward == 4 * 2 * 4 * 100 * 50 * 32
    name = "aten::_scaled_dot_product_flash_attention_for_cpu_backward"
    assert flops_of(name, [query, query, key, key], []) == 2 * forward


@pytest.mark.parametrize(
    ("name", "shapes", "values"),
    [
        ("aten::mm", [[2, 3], [4, 5]], []),
        ("aten::mm", [], []),
        ("aten::mm", "no shapes", []),
        ("aten::convolution", [[1, 3, 8, 8], [4, 3, 3, 3], []], []),
        ("aten::convolution", [[1, 3, 8, 8], [4, 3, 3, 3]], ["", "", "", "[0, 0]", "[0]", "[1]", "False"]),
        ("aten::convolution_backward", [[1, 4, 6, 6], [1, 3, 8, 8], [4, 3, 3, 3]], [""] * 8),
        ("aten::addmm", [[5], [10**400, 10**400], [10**400, 10**400]], []),
        ("my::kernel", [[2, 3], [3, 5]], []),
    ],
)
def test_what_no_formula_fits_has_no_flops(name: str, shapes: Any, values: Any) -> None:
    assert flops_of(name, shapes, values) is None


def test_light_and_heavy_operators() -> None:
    light = ("aten::add_", "aten::_softmax", "aten::native_layer_norm",
             "autograd::engine::evaluate_function: X", "AddmmBackward0", "Optimizer.step#SGD")  # fmt: skip
    heavy = ("aten::linalg_inv", "aten::_fft_r2c", "aten::_cdist_forward", "my::op", "CompiledFunction",
             "CompiledFunctionBackward", "Torch-Compiled Region: 0/0", "triton_fused")  # fmt: skip
    assert all(is_known_light(name) for name in light)
    assert not any(is_known_light(name) for name in heavy)


def step(start_ns: int, end_ns: int) -> Step:
    return Step(index=0, start_ns=start_ns, end_ns=end_ns, block=Block.DROPPED)


def test_only_whole_steps_between_the_anchors_count() -> None:
    steps = [step(0, 10), step(12, 20), step(20, 30), step(30, 45)]
    anchors = [{"name": "shapes_start", "monotonic": 11}, {"name": "shapes_stop", "monotonic": 40}]
    assert shaped_steps(steps, anchors) == (steps[1], steps[2])
    assert shaped_steps(steps, anchors[:1]) == ()


def trace(*events: dict[str, Any]) -> Any:
    whole = [{"ph": "X", "cat": "cpu_op", "pid": 1, "tid": 1, **event} for event in events]
    return load_trace(io.BytesIO(json.dumps({"traceEvents": whole}).encode()))


def product(ts: float, **arguments: Any) -> dict[str, Any]:
    given_ = {"Input Dims": [[2, 3], [3, 4]], "Input type": ["float", "float"], **arguments}
    return {"name": "aten::mm", "ts": ts, "dur": 10.0, "args": given_}


def test_operators_outside_of_the_steps_are_left_out() -> None:
    work = read_work(trace(product(5), product(15), product(25)), [step(10_000, 20_000)], 0)
    assert work.flops == 2 * 2 * 3 * 4


def test_a_compiled_region_is_one_row_with_what_it_calls() -> None:
    region = {"name": "Torch-Compiled Region: 0/0", "ts": 0.0, "dur": 100.0}
    work = read_work(trace(region, product(20)), [step(0, 200_000)], 0)
    (row,) = work.modules
    assert (row.name, row.kind, row.flops) == ("Torch-Compiled Region: 0/0", "compiled region", 48)
    assert work.coverage == pytest.approx(0.1)


def test_kernels_count_by_the_module_that_launched_them() -> None:
    name = "throughput.module:Net.layers.3 Linear"
    module = {"name": name, "cat": "user_annotation", "ts": 0.0, "dur": 50.0}
    kernels = [
        {"name": "gemm", "cat": "kernel", "tid": 7, "ts": 60.0, "dur": 90.0, "args": {"External id": 5}},
        {"name": "fused", "cat": "kernel", "tid": 7, "ts": 150.0, "dur": 10.0, "args": {"External id": 6}},
    ]
    fused = {"name": "my::fused", "ts": 30.0, "dur": 5.0, "args": {"External id": 6}}
    events = (module, product(20, **{"External id": 5}), fused, *kernels)
    work = read_work(trace(*events), [step(0, 200_000)], 0)
    (row,) = work.modules
    assert (row.name, row.kind, row.forward_ns) == ("Net.layers.*", "Linear", 100_000)
    assert (work.on_device, work.coverage, work.uncounted) == (True, 0.9, (("my::fused", 0.1),))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)

OPERATORS = st.sampled_from(["aten::mm", "aten::convolution", "aten::linear", "aten::_cudnn_rnn"])


@given(JSON, JSON, JSON, OPERATORS)
def test_any_arguments_are_read_or_left_out(shapes: Any, values: Any, number: Any, name: str) -> None:
    arguments = {"Input Dims": shapes, "Concrete Inputs": values, "Input type": values}
    arguments |= {"Sequence number": number, "External id": number}
    event = {"name": name, "ts": 1.0, "dur": 2.0, "args": arguments}
    node = {"name": "autograd::engine::evaluate_function: X", "ts": 4.0, "dur": 2.0, "args": arguments}
    assert isinstance(read_work(trace(event, node), [step(0, 10_000)], 0), Work)
