"""Turn a split into the verdict: one sentence and up to three lines of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from throughput import units
from throughput.model.attribution import Hotspot, SplitRow
from throughput.model.category import CATEGORIES, Category, Source
from throughput.model.finding import Finding
from throughput.model.report import Headline, Throughput
from throughput.render import labels, wording

FEW_STEPS = 20  # fewer clean steps leave a block bootstrap too few blocks to be believed
WIDE = 0.10  # an interval wider than +-10 points can't tell a large share from a small one
LARGE = 0.40  # under it no category is called the bottleneck: removing all of it saves less than 1.7x
BUSY = 0.90  # the accelerator utilisation from which MLPerf Storage calls a device fed
WHOLE = 0.99  # from here on a bound of 1 / (1 - share) says nothing

WAITED_FOR = (
    Category.DATA_LOADING,
    Category.LOCK_CONTENTION,
    Category.SYNCHRONIZATION,
    Category.HOST_WORK,
    Category.LOGGING_CHECKPOINT,
    Category.CPU_STARVED,
    Category.IDLE,
)
"""During these the device has nothing to do, where device intervals were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the verdict is about: rows with a figure, largest first."""

    ranked: tuple[SplitRow, ...]
    throughput: Throughput
    hotspots: tuple[Hotspot, ...]
    findings: tuple[Finding, ...] | None
    has_device: bool
    steps: int

    @property
    def top(self) -> SplitRow:
        return self.ranked[0]

    @property
    def clean(self) -> bool:
        """Rules were run and found nothing."""
        return self.findings is not None and not self.findings

    def share(self, row: SplitRow) -> str:
        return units.percent(row.share, _half(row))

    def name(self, row: SplitRow) -> str:
        return (
            "Idle time"
            if row.category is Category.IDLE
            else labels.label(row.category, has_device=self.has_device)
        )

    def lower_name(self, row: SplitRow) -> str:
        name = self.name(row)
        return name if name[:3] in ("CPU", "GPU") else name[0].lower() + name[1:]


def headline(
    split: Sequence[SplitRow],
    throughput: Throughput | None,
    hotspots: Sequence[Hotspot],
    findings: Sequence[Finding] | None,
    has_device: bool,
    steps: int,
) -> Headline:
    """Return the verdict; `steps` is the number of clean steps, `findings` None where no rule was run.

    Its kind is bottleneck, balanced, good (the device is fed, or a CPU computes and no rule fired), weak
    (too little was seen to say) or none (no step was timed).
    """
    ranked = sorted(
        (row for row in split if row.share is not None),
        key=lambda row: (-(row.share or 0.0), CATEGORIES.index(row.category)),
    )
    if throughput is None or steps == 0:
        return Headline(kind="none", sentence="No step was timed, so there is nothing to judge")
    if not ranked:
        return Headline(
            kind="none",
            sentence="Steps were timed, but where their time went was not measured",
            evidence=(_step_sentence(throughput),),
        )
    case = _Case(
        ranked=tuple(ranked),
        throughput=throughput,
        hotspots=tuple(hotspots),
        findings=None if findings is None else tuple(findings),
        has_device=has_device,
        steps=steps,
    )
    kind, sentence = _verdict(case)
    return Headline(kind=kind, sentence=sentence, evidence=_evidence(case, kind))


def _verdict(case: _Case) -> tuple[str, str]:
    top = case.top
    share = top.share or 0.0
    weak = _weakness(case)
    if weak:
        return "weak", weak
    if top.category is Category.COMPUTE and share >= LARGE:
        return _compute_verdict(case)
    if share < LARGE:
        return (
            "balanced",
            f"No single bottleneck: the largest share is {case.lower_name(top)} at {case.share(top)}",
        )
    second = case.ranked[1] if len(case.ranked) > 1 else None
    if second is not None and _overlap(top, second):
        return "balanced", (
            f"No single bottleneck: {case.lower_name(top)} ({case.share(top)}) and {case.lower_name(second)} "
            f"({case.share(second)}) are within noise of each other"
        )
    waits = "the GPU waits for it" if _device_seen(case) and top.category in WAITED_FOR else "it takes"
    return "bottleneck", f"{case.name(top)} is the bottleneck: {waits} {case.share(top)} of each step"


def _weakness(case: _Case) -> str:
    top = case.top
    if case.steps < FEW_STEPS:
        return f"Too short to say: {units.plural(case.steps, 'step')}"
    if (_half(top) or 0.0) > WIDE:
        low, high = units.percent(top.low, 1.0), units.percent(top.high, 1.0)
        return f"Too uncertain to say: {case.lower_name(top)} takes {low} to {high} of each step"
    if top.category is Category.UNATTRIBUTED and (top.share or 0.0) >= LARGE:
        return f"Too little is known to say: {case.share(top)} of each step could not be attributed"
    return ""


def _compute_verdict(case: _Case) -> tuple[str, str]:
    share = case.share(case.top)
    if not case.has_device:
        sentence = f"CPU training: compute is {share} of each step"
        if case.clean:
            return "good", f"{sentence}; nothing worth fixing was found"
        return "bottleneck", sentence
    if not _device_seen(case):
        return "bottleneck", f"GPU compute takes {share} of each step"
    if (case.top.share or 0.0) >= BUSY:
        return "good", f"The GPU is busy {share} of each step; look at the kernels, not the input pipeline"
    rest = f"; the largest other part is {_next(case)}" if len(case.ranked) > 1 else ""
    return "bottleneck", f"The GPU computes during {share} of each step{rest}"


def _evidence(case: _Case, kind: str) -> tuple[str, ...]:
    lines = [_step_sentence(case.throughput, case)]
    if kind == "weak":
        wanted = max(200, -(-2 * case.steps // 100) * 100)
        return (*lines, f"Profile more steps before acting on this: --steps {wanted}.")
    if case.top.category is Category.COMPUTE or kind == "balanced":
        if len(case.ranked) > 1:
            lines.append(f"Next is {_next(case)}.")
    else:
        lines += _bound_sentence(case)
    lines.append(_last_sentence(case, kind))
    return tuple(line for line in lines if line)


def _step_sentence(throughput: Throughput, case: _Case | None = None) -> str:
    text = f"A step takes {' '.join(wording.step_time(throughput))}"
    if case is None or case.top.ns_per_step is None:
        return f"{text}."
    return f"{text}, of which {wording.row_time(case.top)} is {case.lower_name(case.top)}."


def _bound_sentence(case: _Case) -> list[str]:
    share = case.top.share or 0.0
    if share >= WHOLE or case.top.category is Category.UNATTRIBUTED:
        return []
    gain = 1 / (1 - share)
    now, unit = wording.speed(case.throughput)
    rise = f"from {units.rate(now, unit)} to at most {units.rate(now * gain, unit)}"
    return [f"Without it, throughput could rise {rise} ({units.ratio(gain)})."]


def _last_sentence(case: _Case, kind: str) -> str:
    if case.clean and (kind in ("good", "balanced") or not case.hotspots):
        said = kind == "good" and not case.has_device  # the sentence says it already
        return "" if said else "Nothing worth fixing was found."
    if not case.hotspots:
        return ""
    first = case.hotspots[0]
    start = "The rules know no fix. Largest hotspot" if case.clean else "Largest hotspot"
    place = f"{wording.called(first)} ({wording.where_it_runs(first)})"
    return f"{start}: {place}, {wording.hotspot_time(first)[0]} of a step."


def _next(case: _Case) -> str:
    second = case.ranked[1]
    return f"{case.lower_name(second)} ({case.share(second)})"


def _device_seen(case: _Case) -> bool:
    """Return whether device intervals were measured: without them nothing is called GPU idle or busy."""
    rows = [row for row in case.ranked if row.category is Category.COMPUTE]
    return case.has_device and any(row.source is Source.DEVICE for row in rows)


def _half(row: SplitRow) -> float | None:
    return None if row.low is None or row.high is None else (row.high - row.low) / 2


def _overlap(top: SplitRow, second: SplitRow) -> bool:
    return top.low is not None and second.high is not None and second.high >= top.low
