"""Count a trace's collectives and the bytes that they send, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from throughput.align.torch_trace import OPERATOR, Trace, arguments_of

COMMUNICATED = "record_param_comms"
"""How libraries that say what they send name each collective; others show only as operators of c10d."""
OPERATORS = "c10d::"
NO_COLLECTIVES = ("wait", "init", "")
DTYPE_BYTES = {
    "Byte": 1, "Char": 1, "Bool": 1, "Short": 2, "Half": 2, "BFloat16": 2, "Int": 4, "Float": 4, "Long": 8,
    "Double": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float8_e4m3fn": 1, "Float8_e5m2": 1,
}  # fmt: skip


def collective_facts(trace: Trace, edges_us: Sequence[float]) -> list[dict[str, Any]]:
    """Return collectives and their bytes over some steps: [{"name", "total", "least", "most"}].

    Args:
        trace: the trace, of all threads: backward may run on others than the training thread.
        edges_us: when each step begins, and when the last one ends, on the trace's own clock.
    """
    events = [e for e in trace.spans(*OPERATOR) if edges_us[0] <= e.ts < edges_us[-1]]
    said = [(event, arguments_of(event)) for event in events if event.name == COMMUNICATED]
    sizes = [
        (event, _sent(args)) for event, args in said if args.get("Collective name", "") not in NO_COLLECTIVES
    ]
    if not sizes:
        return [_row("collectives", [e.ts for e in events if e.name.startswith(OPERATORS)], None, edges_us)]
    times = [event.ts for event, _ in sizes]
    found = [_row("collectives", times, None, edges_us)]
    known = [size for _, size in sizes if size is not None]
    if len(known) == len(sizes):
        found.append(_row("collective bytes", times, known, edges_us))
    return found


def _row(
    name: str, times_us: Sequence[float], weights: Sequence[float] | None, edges_us: Sequence[float]
) -> dict[str, Any]:
    """Return the sum over all steps, and those of the steps with the least and the most."""
    steps, _ = np.histogram(times_us, bins=np.asarray(edges_us), weights=weights)
    return {
        "name": name,
        "total": float(steps.sum()),
        "least": float(steps.min()),
        "most": float(steps.max()),
    }


def _sent(args: Mapping[str, Any]) -> float | None:
    """Return the bytes that one collective sends; None where they can't be told."""
    number, each = args.get("In msg nelems"), DTYPE_BYTES.get(str(args.get("dtype")))
    if not isinstance(number, int) or number < 0 or number >= 2**62 or (each is None and number):
        return None
    return float(number * (each or 0))
