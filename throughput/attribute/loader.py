"""Summarise a loader's life in the window: how long batches take, and how long training waits for them."""

from __future__ import annotations

import numpy as np

from throughput.attribute.reads import read_summary
from throughput.attribute.slow_samples import slowest_samples
from throughput.attribute.view import CleanView
from throughput.attribute.waits import worker_lock_spans
from throughput.model.attribution import LoaderSummary
from throughput.model.timeline import Ints


def loader_summary(view: CleanView) -> LoaderSummary | None:
    """Return the summary of the loader that fed the clean steps; None where no DataLoader did."""
    batches, loaders = view.timeline.batches, view.timeline.loaders
    inside = (batches.consumed_ns > view.start_ns[0]) & (batches.consumed_ns <= view.end_ns[-1])
    if not loaders or not inside.any():
        return None
    # The one that most batches are of; an evaluation's may have been made later.
    loader = max(loaders, key=lambda x: (int((batches.loader[inside] == x.number).sum()), x.number))
    made = inside & (batches.begun_ns > 0) & (batches.made_ns > 0)
    waited = (batches.consumed_ns - batches.wanted_ns)[inside]
    span = int(view.durations.sum())
    fetched = made & (batches.fetched_ns > 0)
    moved = made & (batches.arrived_ns > 0)
    ready_ns = (batches.made_ns - batches.begun_ns)[made]
    off_cpu = np.maximum(ready_ns - batches.cpu_ns[made], 0)
    has_queue = batches.runq_ns[made] >= 0
    queued = np.minimum(np.maximum(batches.runq_ns[made], 0), off_cpu)
    fetch_ns = _mean((batches.fetched_ns - batches.begun_ns)[fetched])
    slowest, reason = slowest_samples(view, loader)
    return LoaderSummary(
        num_workers=loader.num_workers,
        prefetch_factor=loader.prefetch_factor,
        batches=int(inside.sum()),
        made_ns=_mean(ready_ns),
        fetch_ns=fetch_ns,
        collate_ns=_mean((batches.made_ns - batches.fetched_ns)[fetched]),
        transfer_ns=_mean((batches.arrived_ns - batches.made_ns)[moved]) if loader.num_workers else None,
        cpu_ns=_mean(batches.cpu_ns[made]),
        blocked_ns=_mean(off_cpu - queued),
        runq_ns=_mean(queued[has_queue]),
        waited_ns=_mean(waited),
        readiness=max(0.0, 1.0 - float(waited.sum()) / span),
        busy_share=_busy(view, made) if loader.num_workers else None,
        per_worker_made_ns=_per_worker(view, made),
        out_of_order_share=_out_of_order(view, inside) if loader.num_workers > 1 else None,
        sample_ns=fetch_ns / loader.batch_size if fetch_ns is not None and loader.batch_size else None,
        slowest=slowest,
        slowest_reason=reason,
        reads=read_summary(view, loader),
    )


def _mean(values: Ints) -> float | None:
    return float(values.mean()) if len(values) else None


def _busy(view: CleanView, made: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float | None:
    """Return the mean share of the window in which a worker was making a batch and not waiting for a lock."""
    batches = view.timeline.batches
    workers = np.unique(batches.worker[made])
    if not len(workers):
        return None
    first, last = int(batches.begun_ns[made].min()), int(batches.made_ns[made].max())
    shares = []
    for worker in workers:
        mine = made & (batches.worker == worker)
        busy = int((batches.made_ns - batches.begun_ns)[mine].sum())
        locked = (
            worker_lock_spans(view, int(worker)).within(batches.begun_ns[mine], batches.made_ns[mine]).sum()
        )
        shares.append((busy - int(locked)) / max(last - first, 1))
    return min(1.0, float(np.mean(shares)))


def _per_worker(view: CleanView, made: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[float, ...]:
    batches = view.timeline.batches
    workers = np.unique(batches.worker[made & (batches.worker >= 0)])
    return tuple(
        float((batches.made_ns - batches.begun_ns)[made & (batches.worker == w)].mean()) for w in workers
    )


def _out_of_order(view: CleanView, inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float | None:
    """Return the share of waiting time during which a later batch had already arrived."""
    batches = view.timeline.batches
    known = inside & (batches.made_ns > 0) & (batches.begun_ns > 0)
    wanted, made = batches.wanted_ns[known], batches.made_ns[known]
    waits = np.maximum(made - wanted, 0)
    if not waits.sum():
        return None
    later = np.array([made[n + 1 : n + 1 + 64].min(initial=2**62) for n in range(len(made))])
    lost = np.maximum(made - np.maximum(wanted, later), 0)
    return float(np.minimum(lost, waits).sum() / waits.sum())
