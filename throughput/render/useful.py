"""Say in words how much of a run's work is useful: tokens, padding, FLOPs, and each module's part."""

from __future__ import annotations

from dataclasses import dataclass

from throughput import units
from throughput.model.report import Report, Throughput
from throughput.model.work import ModuleRow
from throughput.render.labels import plain

SHARE_MIN = 0.005
"""Modules under half a percent of a step change no decision."""
NAME_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleLine:
    """A module as tables show it."""

    name: str
    kind: str
    calls: str
    forward: str
    backward: str
    share: str
    flops: str
    ceiling: str


def work(speed: Throughput | None) -> tuple[tuple[str, str], ...]:
    """Return title and words of what was counted: tokens, FLOPs and the part of the ceiling, energy."""
    if speed is None:
        return ()
    rows = (("Tokens", _tokens(speed)), ("FLOPs", _flops(speed)), ("Energy", _energy(speed)))
    return tuple((title, words) for title, words in rows if words)


def _tokens(speed: Throughput) -> str:
    if speed.tokens_per_s is None:
        return ""
    whole = units.rate(speed.tokens_per_s, "tokens")
    if speed.useful_tokens_per_s is None:
        return f"{whole} (padding not measured)"
    useful = units.rate(speed.useful_tokens_per_s, "useful tokens")
    return f"{useful} of {whole}, {units.percent(speed.padding_share)} padding"


def _flops(speed: Throughput) -> str:
    """Return "34 GFLOP a step (99 % counted), 0.35 TFLOP/s, MFU 38 % of 0.9 TFLOP/s (measured)"."""
    if speed.flops_per_step is None or speed.tflops is None:
        return ""
    counted = f"{units.flops(speed.flops_per_step)} a step ({units.percent(speed.flops_coverage)} counted)"
    reached = f"no MFU: {plain(speed.mfu_missing, 200)}" if speed.mfu_missing else ""
    if speed.mfu is not None:
        peak = f"{units.flops(speed.mfu.peak)}/s ({plain(speed.mfu.peak_source, 20)})"
        reached = f"MFU {units.percent(speed.mfu.value)} of {peak}"
    return ", ".join(part for part in (counted, f"{units.flops(speed.tflops * 1e12)}/s", reached) if part)


def _energy(speed: Throughput) -> str:
    """Return "5.3 J a step, 0.17 J a sample (240 W, GPUs)"."""
    if speed.watts is None or speed.joules_per_step is None:
        return ""
    step = units.quantity(speed.joules_per_step, "joule")
    each = speed.joules_per_sample
    sample = "" if each is None else f", {units.quantity(each, 'joule')} a sample"
    return f"{step} a step{sample} ({units.quantity(speed.watts, 'watt')}, GPUs)"


def module_lines(report: Report, most: int) -> tuple[ModuleLine, ...]:
    """Return the modules that take most of a step."""
    rows = [row for row in report.modules or () if (row.share or 0.0) >= SHARE_MIN]
    return tuple(_line(row) for row in rows[:most])


def _line(row: ModuleRow) -> ModuleLine:
    return ModuleLine(
        name=plain(row.name, NAME_LONGEST) or "outside of modules",
        kind=plain(row.kind, 40),
        calls=units.count(row.calls_per_step) if row.name else "–",
        forward="–" if row.forward_ns is None else units.duration(row.forward_ns),
        backward=units.duration(row.backward_ns) if row.backward_ns else "–",
        share=units.percent(row.share),
        flops=units.flops(row.flops_per_step) if row.flops_per_step else "–",
        ceiling="–" if row.ceiling_share is None else units.percent(row.ceiling_share),
    )
