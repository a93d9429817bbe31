"""Say in sentences what a trace's devices and ranks did, for the notes that every report shows."""

from __future__ import annotations

from collections.abc import Sequence

from throughput import units
from throughput.attribute.trace_level import Levelled
from throughput.attribute.trace_names import OUTSIDE
from throughput.attribute.trace_ranks import STRAGGLES, Imposed
from throughput.model.attribution import DeviceSplit, TraceReplay

FEW = 3
DEVICES = 4
"""To describe: more are in report.json, and look alike."""
REPLAY_ERROR_MAX = 0.10
"""Of the step time: a replay of the unchanged trace that misses by more predicts nothing."""
CHANGED = {
    "loading": "without data loading",
    "syncs": "without waits for the device",
    "copies": "with copies beside computing",
}
WORDS = {"host_wait": "nothing was queued", "kernel_wait": "pauses between kernels", "other": "other waits"}


def step_note(steps: int) -> str | None:
    """Return what so few steps mean; None for enough."""
    if steps == 0:
        return "The trace holds no time that could be a step."
    if steps < FEW:
        seen = units.plural(steps, "step")
        return f"The trace holds {seen}: figures are exact for it, and may not hold for others."
    return None


def device_notes(devices: Sequence[DeviceSplit]) -> list[str]:
    """Return a sentence a device: how long it ran, why it didn't, and who left it without work."""
    lines = [_device(one, several=len({d.rank for d in devices}) > 1) for one in devices[:DEVICES]]
    more = len(devices) - DEVICES
    return [*lines, f"{units.plural(more, 'more device')} in report.json."] if more > 0 else lines


def _device(one: DeviceSplit, *, several: bool) -> str:
    of_rank = f" of rank {one.rank}" if several else ""
    name = f" ({one.name})" if one.name else ""
    causes = [f"{WORDS[c.cause]} {units.percent(c.share)}" for c in one.idle if c.share > 0]
    idle = f"idle {units.percent(one.idle_share)}: {', '.join(causes)}" if causes else "never idle"
    starvers = [s for cause in one.idle for s in cause.starvers]
    doing = f"in {starvers[0].name}" if starvers and starvers[0].name != OUTSIDE else OUTSIDE
    first = f"; most of it while the host was {doing}" if starvers else ""
    at = starvers[0].where if starvers else None
    where = f" ({at.file}:{at.line})" if at is not None else ""
    busy = units.percent(one.busy_share)
    return f"GPU {one.device}{of_rank}{name} ran {busy} of the steps, {idle}{first}{where}."


def replay_note(replay: TraceReplay | None) -> str | None:
    """Return what a replay of the trace gives, as it was and changed."""
    if replay is None:
        return None
    off = units.percent(abs(replay.error), 0.01)
    sign = "longer" if replay.error > 0 else "shorter"
    step = units.duration(replay.step_ns)
    text = f"Replayed from its durations a step takes {step}, {off} {sign} than in the trace"
    if abs(replay.error) > REPLAY_ERROR_MAX:
        return f"{text}: too far off to predict from."
    told = [f"{CHANGED[c.change]} {units.ratio(c.speedup)}" for c in replay.changed if c.speedup >= 1.005]
    return f"{text}; {', '.join(told)}." if told else f"{text}."


def rank_note(late: Sequence[Imposed], ranks: int) -> str:
    """Return which ranks the others wait for."""
    if not late:
        return f"No rank of {ranks} holds up the others by {units.percent(STRAGGLES)} of a step or more."
    named = ", ".join(
        f"rank {row.rank} by {units.duration(row.ns_per_step)} ({units.percent(row.share)})" for row in late
    )
    return f"Of {ranks} ranks, some hold up the others in each step: {named}."


def level_notes(rows: Sequence[Levelled]) -> list[str]:
    """Return a sentence for each replay of ranks that come as early as the others."""
    return [_level(row) for row in rows]


def _level(row: Levelled) -> str:
    who = f"rank {row.ranks[0]}" if len(row.ranks) == 1 else f"ranks {', '.join(map(str, row.ranks))}"
    low, expected, high = (
        units.ratio(row.step_ns / max(row.step_ns - saved, 1.0))
        for saved in (row.low_ns, row.expected_ns, row.high_ns)
    )
    step = units.duration(row.step_ns - row.expected_ns)
    return (
        f"Replayed with {who} at the median rank's pace, a step takes {step}: {expected} "
        f"({low} at the slowest other's, {high} at the fastest's)."
    )
