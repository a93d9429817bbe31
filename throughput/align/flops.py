"""Turn one operator of a trace, with its inputs' shapes, into FLOPs: to multiply and add are two.

Counted is what matrix units are for: products of matrices, convolutions, attention, recurrent cells; the
formulas are those of the papers that define model FLOPs (PaLM, appendix B; nanoGPT's `estimate_mfu`).
Attention's backward counts four products: what a kernel computes anew to save memory is no useful work, and
a causal mask halves nothing. Everything else of torch's own operators is 1 FLOP an element or so, a
thousandth of a product's: it counts as known to be nothing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

Shape = tuple[int, ...]
Formula = Callable[[Sequence[Any], Sequence[Any]], float | None]
"""Shapes of the inputs (of a list of tensors, a list of them) and values of the others -> FLOPs."""

HEAVY = re.compile(
    r"aten::(_?linalg_|_?fft_|_?cdist|_?sparse_|_grouped_mm|_scaled_grouped_mm|_trilinear|.*int\dpack_mm"
    r"|cholesky|.*svd|.*eig|.*qr$|lu_|.*triangular_solve|_flex|lstm|gru|rnn_|.*_rnn|quantized_)"
)
"""Operators of torch that may do as much as a product of matrices: without a formula that is unknown."""
BOOKKEEPING = re.compile(
    r"autograd::|torch::autograd|Optimizer\.|enumerate\(|c10d::|\w+Backward\d+$|profiler::|TorchDynamo"
)
"""Spans that only enclose operators; a node of a custom or compiled function has no number at its end."""


def flops_of(name: str, shapes: Sequence[Any], values: Sequence[Any]) -> float | None:
    """Return the FLOPs of an operator; None where no formula knows it, or its shapes were not recorded."""
    formula = FORMULAS.get(name)
    if formula is None:
        return None
    try:
        return formula(shapes, values)
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None


def is_known_light(name: str) -> bool:
    """Return whether an operator without a formula is known to do next to nothing beside products."""
    if name.startswith("aten::"):
        return HEAVY.match(name) is None
    return BOOKKEEPING.match(name) is not None


def main_input(name: str) -> int:
    """Return which input's dtype is that of an operator's arithmetic."""
    return 1 if name in ("aten::addmm", "aten::baddbmm", "aten::addmv", "aten::_addmm_activation") else 0


def _product(at: int) -> Formula:
    """Return the formula of (…, m, k) x (…, k, n), whose left factor is input `at`."""

    def formula(shapes: Sequence[Any], _values: Sequence[Any]) -> float:
        left, right = _shape(shapes[at]), _shape(shapes[at + 1])
        if left[-1] != right[-2]:
            raise ValueError("no such product")
        return 2.0 * math.prod(left) * right[-1]

    return formula


def _vector(at: int) -> Formula:
    """Return the formula of a product with a vector: each element of input `at` is used once."""
    return lambda shapes, _values: 2.0 * math.prod(_some(shapes[at]))


def _linear(shapes: Sequence[Any], _values: Sequence[Any]) -> float:
    inputs, weight = _shape(shapes[0]), _shape(shapes[1])
    if inputs[-1] != weight[-1]:
        raise ValueError("no such product")
    return 2.0 * math.prod(inputs) * math.prod(weight[:-1])


def _convolution(shapes: Sequence[Any], values: Sequence[Any]) -> float:
    """Return a convolution's FLOPs: each weight counts at each place of the output, or transposed input."""
    inputs, weight = _shape(shapes[0]), _shape(shapes[1])
    if _flag(values[6]):
        places = math.prod(inputs[2:])
    else:
        steps, pads, gaps = (_numbers(value, len(weight) - 2) for value in values[3:6])
        sizes = zip(inputs[2:], weight[2:], steps, pads, gaps, strict=True)
        places = math.prod(
            (size + 2 * pad - gap * (kernel - 1) - 1) // step + 1 for size, kernel, step, pad, gap in sizes
        )
    return 2.0 * inputs[0] * places * math.prod(weight)


def _convolution_backward(shapes: Sequence[Any], values: Sequence[Any]) -> float:
    """Return the FLOPs of the gradients that are asked for: of the input, and of the weight."""
    output, inputs, weight = (_shape(shape) for shape in shapes[:3])
    places = math.prod(inputs[2:] if _flag(values[7]) else output[2:])
    wanted = json.loads(str(values[10]).lower())
    return 2.0 * inputs[0] * places * math.prod(weight) * sum(map(bool, wanted[:2]))


def _attention(at: int, products: int) -> Formula:
    """Return the formula of attention; query, key, value (…, heads, length, width) begin at input `at`."""

    def formula(shapes: Sequence[Any], _values: Sequence[Any]) -> float:
        query, key, value = (_shape(shape) for shape in shapes[at : at + 3])
        return float(products) * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])

    return formula


def _recurrent(first: int, last: int, passes: int) -> Formula:
    """Return the formula of recurrent cells: inputs first to last are used once a time step."""

    def formula(shapes: Sequence[Any], _values: Sequence[Any]) -> float:
        inputs = _shape(shapes[0])
        listed = shapes[first] if last == first else shapes[first:last]
        weights = [weight for weight in listed if isinstance(weight, list | tuple) and len(weight) == 2]
        if not weights:
            raise ValueError("no weights")
        return 2.0 * passes * math.prod(inputs[:-1]) * sum(math.prod(weight) for weight in weights)

    return formula


FORMULAS: dict[str, Formula] = {
    **{f"aten::{name}": _product(0) for name in ("mm", "bmm", "_int_mm", "_scaled_mm")},
    **{f"aten::{name}": _product(1) for name in ("addmm", "baddbmm", "addbmm", "_addmm_activation")},
    "aten::mv": _vector(0),
    "aten::addmv": _vector(1),
    "aten::dot": _vector(0),
    "aten::vdot": _vector(0),
    "aten::linear": _linear,
    "aten::mkldnn_linear": _linear,
    "mkldnn::_linear_pointwise": _linear,
    "mkl::_mkl_linear": lambda shapes, values: _linear((shapes[0], shapes[2]), values),
    "aten::convolution": _convolution,
    "aten::convolution_overrideable": _convolution,
    "aten::convolution_backward": _convolution_backward,
    "aten::convolution_backward_overrideable": _convolution_backward,
    "aten::scaled_dot_product_attention": _attention(0, 2),
    **{
        f"aten::_scaled_dot_product_{kind}": _attention(0, 2)
        for kind in ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention",
                     "attention_math", "fused_attention_overrideable")
    },
    **{
        f"aten::_scaled_dot_product_{kind}_backward": _attention(1, 4)
        for kind in ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention",
                     "fused_attention_overrideable")
    },
    "aten::mkldnn_rnn_layer": _recurrent(1, 3, 1),
    "aten::mkldnn_rnn_layer_backward": _recurrent(1, 3, 2),
    "aten::_cudnn_rnn": _recurrent(1, 1, 1),
    "aten::_cudnn_rnn_backward": _recurrent(1, 1, 2),
}  # fmt: skip
"""Operator -> formula. The outermost that has one counts; what it calls does not count again."""


def _shape(value: Any) -> Shape:
    """Return a tensor's shape; refuse what is none.

    Raises:
        ValueError: it is a scalar, a list of tensors, or nothing.
    """
    found = _some(value)
    if len(found) < 2:
        raise ValueError("no matrix")
    return found


def _some(value: Any) -> Shape:
    if not isinstance(value, list | tuple) or not value or not all(type(n) is int and n >= 0 for n in value):
        raise ValueError("no tensor")
    return tuple(value)


def _flag(value: Any) -> bool:
    if str(value) not in ("True", "False"):
        raise ValueError("not recorded")
    return str(value) == "True"


def _numbers(value: Any, count: int) -> list[int]:
    """Return a list argument of a convolution as torch wrote it, `[1, 1]` or one number for all."""
    found = json.loads(value) if isinstance(value, str) else value
    numbers = [found] if isinstance(found, int) else [int(n) for n in found]
    return numbers * count if len(numbers) == 1 else numbers
