"""Finds torch.compile compiling again while training."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput import units
from throughput.diagnose import costs, evidence, findings, reading
from throughput.diagnose.examples import facts
from throughput.diagnose.ranking import SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding
from throughput.model.timeline import Frame

COMPILES = ("_dynamo/convert_frame.py", "_dynamo/symbolic_convert.py", "_inductor/compile_fx.py")
"""Only run while compiling; `_dynamo/eval_frame.py` is on the stack of compiled code too."""
COMPILED = re.compile(r"torch\.compile\b|\.compile\(\)")
FIX = (
    "Give the compiled function inputs of one shape: pad batches, drop_last=True in the loader, or mark "
    "what varies\n"
    "    torch._dynamo.mark_dynamic(x, 0)            # or torch.compile(model, dynamic=True)\n"
    "TORCH_LOGS=recompiles prints what each recompilation was for."
)


def check(facts: Facts) -> Finding | None:
    """See torch.compile at work in steps that should only run what it has compiled.

    Why it costs: each new shape, type or Python value that a compiled function depends on costs seconds.
    How to fix: constant shapes, dynamic dimensions marked, no Python numbers that change as arguments.
    When it is wrong: warm-up was too short and this is the first compilation; a longer run shows.
    Sources: PyTorch's documentation on torch.compile (dynamic shapes, recompilation).
    """
    steps = reading.clean_steps(facts)
    if not steps:
        return None
    start, end = steps[0].start_ns, steps[-1].end_ns
    pauses = [
        p for p in facts.timeline.pauses if p.kind == "compile" and start <= p.start_ns and p.end_ns <= end
    ]
    paused = costs.of_events(facts, [max(0, p.end_ns - p.start_ns) for p in pauses])
    seen = costs.of_samples(facts, reading.training_samples(facts, _is_compiling))
    cost = max((c for c in (paused, seen) if c is not None), key=lambda c: c.ns, default=None)
    if cost is None:
        return None
    lines = [f"compiling takes {evidence.time_of(cost)}"]
    if pauses:
        lines.append(f"{units.plural(len(pauses), 'compilation')} within {units.plural(len(steps), 'step')}")
    counts = facts.timeline.facts.get("compile")
    again = reading.number(counts.get("recompiles")) if isinstance(counts, dict) else None
    if again:
        lines.append(f"torch counted {units.count(again)} recompilations")
    title = "torch.compile compiles again while training"
    return findings.of_cost(
        cost, (Category.HOST_WORK, reading.place_of_text(facts, COMPILED)), (title, FIX), lines
    )


def _is_compiling(stack: Sequence[Frame]) -> bool:
    return any(frame.file.endswith(COMPILES) for frame in stack)


def _fires() -> tuple[Facts, ...]:
    stack = ("train.py main 9", "site-packages/torch/_dynamo/convert_frame.py _compile 800")
    pauses = tuple(("compile", n * 1000, n * 1000 + 300) for n in range(9))
    return (facts(stacks=((0.3, stack),)), facts(pauses=pauses, facts={"compile": {"recompiles": 9}}))


def _quiet() -> tuple[Facts, ...]:
    runs = ("train.py main 9", "site-packages/torch/_dynamo/eval_frame.py _fn 700")
    return (facts(stacks=((0.9, runs),)), facts(facts={"compile": {"frames": 1, "recompiles": 0}}))


RULE = SpecificRule(
    name="recompilation", check=check, requires=("light", "stacks"), fires=_fires, quiet=_quiet,
    supersedes=("python-overhead",),
)  # fmt: skip
