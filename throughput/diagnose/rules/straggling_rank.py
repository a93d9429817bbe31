"""Finds a rank for which all the others wait."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, device, findings
from throughput.diagnose.examples import facts
from throughput.diagnose.reading import number
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

STRAGGLES = 0.05
"""Of a step: what a rank imposes on the others below it is the jitter of any job."""
FIXES = {
    Category.DATA_LOADING.value: "Give its loader as many workers and samples as the others have.",
    Category.COMPUTE.value: "Give it less work (batch, layers), or see its clocks: it computes longer.",
    Category.HOST_TO_DEVICE.value: "Pin its memory, and see whether it shares its bus: it copies longer.",
    Category.CPU_STARVED.value: "Give each rank CPUs of its own: it waits for one.",
}
FIX = (
    "Stop what this process does beside training, and the others don't: its device waits for its own host. "
    "Logging, saving, evaluating, garbage, or CPUs that it shares?"
)


def check(facts: Facts) -> Finding | None:
    """See one rank come last to the collectives again and again.

    Why it costs: a collective ends when the last rank has come; until then all others wait.
    How to fix: find what this rank does beside training, or gives it more work than the others.
    When it is wrong: the trace holds one step, and the last rank is another in each.
    Sources: what a rank imposes is the time by which it comes after the last but one (wPerf, OSDI'18;
    MegaScale, NSDI'24).
    """
    row = facts.timeline.facts.get("ranks")
    ranks = row if isinstance(row, dict) else {}
    ns, share = number(ranks.get("imposed_ns")), number(ranks.get("share"))
    if ns is None or share is None or share < STRAGGLES:
        return None
    rank, late_in = facts.attribution.rank, str(ranks.get("late_in") or "")
    cost = costs.worth(costs.Cost(ns=ns, share=share, low=share, high=share))
    lines = [
        f"it comes last to {units.count(number(ranks.get('collectives')))} collectives",
        f"the others then wait {units.duration(ns)} of a step for it ({units.percent(share)})",
    ]
    if late_in:
        excess = units.duration(number(ranks.get("excess_ns")))
        lines.append(
            f"it spends {excess} more of a step on {late_in.replace('_', ' ')} than the median of them"
        )
    assumes = "this rank comes with the last of the others"
    texts = (f"Rank {rank} holds up all the others", FIXES.get(late_in, FIX))
    finding = findings.of_cost(cost, (Category.COMMUNICATION, None), texts, lines, assumes)
    return device.with_level(finding, ranks.get("levelled"))


def _ranks(share: float, late_in: str | None) -> dict[str, object]:
    row = {"imposed_ns": share * 1e8, "share": share, "collectives": 40, "late_in": late_in, "excess_ns": 9e6}
    return {"ranks": row}


def _fires() -> tuple[Facts, ...]:
    return (
        facts(facts=_ranks(0.2, "host_work")),
        facts(facts=_ranks(0.06, "data_loading")),
        facts(facts=_ranks(0.3, None)),
    )


def _quiet() -> tuple[Facts, ...]:
    return facts(facts=_ranks(0.04, "host_work")), facts()


RULE = Rule(name="straggling-rank", check=check, requires=("torch",), fires=_fires, quiet=_quiet)
