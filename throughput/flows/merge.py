"""Put ranks together: the mean rank's split and speed, and hotspots of one place as one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from throughput.model.attribution import Hotspot, SplitRow
from throughput.model.report import StepTime, Throughput
from throughput.model.work import Mfu

SHOWN = 20


def mean_split(splits: Sequence[tuple[SplitRow, ...]]) -> tuple[SplitRow, ...]:
    """Return the mean of the ranks' splits; a category counts as zero on a rank that didn't measure it."""
    if len(splits) <= 1:
        return splits[0] if splits else ()
    rows = []
    for column in zip(*splits, strict=True):
        known = [row for row in column if row.share is not None]
        if not known:
            rows.append(column[0])
            continue
        count = len(column)
        rows.append(
            replace(
                known[0],
                share=sum(row.share or 0.0 for row in known) / count,
                low=sum(row.low or 0.0 for row in known) / count,
                high=sum(row.high or 0.0 for row in known) / count,
                ns_per_step=sum(row.ns_per_step or 0.0 for row in known) / count,
            )
        )
    return tuple(rows)


def mean_throughput(found: Sequence[Throughput | None]) -> Throughput | None:
    """Return the mean rank's speed; samples, tokens and FLOPs of all ranks add up."""
    known = [t for t in found if t is not None]
    if len(known) <= 1:
        return known[0] if known else None
    count = len(known)
    samples = _sum(t.samples_per_s for t in known)
    # Each rank saw all GPUs of its machine: those of several machines are not told apart here.
    watts = max((t.watts for t in known if t.watts is not None), default=None)
    tokens, useful = _sum(t.tokens_per_s for t in known), _sum(t.useful_tokens_per_s for t in known)
    step = {
        name: sum(getattr(t.step_ns, name) for t in known) / count
        for name in ("median", "p95", "mean", "low", "high")
    }
    return Throughput(
        steps_per_s=sum(t.steps_per_s for t in known) / count,
        low=sum(t.low for t in known) / count,
        high=sum(t.high for t in known) / count,
        samples_per_s=samples,
        step_ns=StepTime(**step),
        tokens_per_s=tokens,
        useful_tokens_per_s=useful,
        padding_share=1 - useful / tokens if tokens and useful is not None else None,
        flops_per_step=_sum(t.flops_per_step for t in known),
        flops_coverage=_least(t.flops_coverage for t in known),
        tflops=_sum(t.tflops for t in known),
        mfu=_mean_mfu([t.mfu for t in known]),
        watts=watts,
        joules_per_step=None if watts is None else watts * step["mean"] / 1e9,
        joules_per_sample=None if watts is None or not samples else watts / samples,
        mfu_missing=next((t.mfu_missing for t in known if t.mfu_missing), None),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum; None where one of them is not known."""
    found = list(values)
    return None if None in found else sum(value for value in found if value is not None)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _mean_mfu(found: Sequence[Mfu | None]) -> Mfu | None:
    """Return the mean rank's, of ranks that compute on equal devices; None for others."""
    known = [mfu for mfu in found if mfu is not None]
    if len(known) < len(found) or len({(mfu.peak, mfu.peak_source) for mfu in known}) != 1:
        return None
    return replace(known[0], value=sum(mfu.value for mfu in known) / len(known))


def merged_hotspots(ranks: Sequence[tuple[Hotspot, ...]]) -> tuple[Hotspot, ...]:
    """Return the ranks' hotspots as one list, time averaged over ranks."""
    if len(ranks) <= 1:
        return ranks[0] if ranks else ()
    groups: dict[tuple[object, ...], list[Hotspot]] = {}
    for rank in ranks:
        for spot in rank:
            groups.setdefault((spot.name, spot.file, spot.function, spot.category, spot.process), []).append(
                spot
            )
    merged = [_mean_hotspot(group, len(ranks)) for group in groups.values()]
    ordered = sorted(merged, key=lambda h: -h.ns_per_step)[:SHOWN]
    return tuple(replace(spot, rank=number) for number, spot in enumerate(ordered, 1))


def _mean_hotspot(group: list[Hotspot], ranks: int) -> Hotspot:
    return replace(
        max(group, key=lambda h: h.ns_per_step),
        ranks=tuple(sorted({r for spot in group for r in spot.ranks})),
        ns_per_step=sum(h.ns_per_step for h in group) / ranks,
        share=sum(h.share for h in group) / ranks,
        low=sum(h.low for h in group) / ranks,
        high=sum(h.high for h in group) / ranks,
        samples=sum(h.samples for h in group),
    )
