"""Say where the loader's bytes came from in the window: from the page cache, or from storage."""

from __future__ import annotations

import numpy as np

from throughput import units
from throughput.attribute.view import CleanView
from throughput.model.attribution import ReadSummary
from throughput.model.timeline import Counter, Loader

LEAST_BYTES = 4_000_000
"""What pipes between the processes and files of the system make up; a share of less says nothing of data."""
COUNTED = ("btrfs", "ext2", "ext3", "ext4", "f2fs", "nfs", "nfs4", "overlay", "ramfs", "tmpfs", "xfs")
"""File systems whose reads from storage the kernel counts for the process that made them."""
MAPPED = 2.0
"""Reading ahead makes storage give somewhat more than was asked for; mapping, without being asked."""
ROOM = 0.8
"""Of the memory: the processes themselves need the rest."""
MOSTLY = 0.5
"""From this share of the reads on, the page cache is what the window's speed rests on."""

Amounts = tuple[float, float]
"""Bytes read by calls, and bytes of them that storage gave."""


def read_summary(view: CleanView, loader: Loader) -> ReadSummary | None:
    """Return what the loader's processes read in the window; None where the machine doesn't count reads."""
    amounts, span_ns = _amounts(view, loader)
    files = view.timeline.data_files
    if amounts is None and files is None:
        return None
    share, reason = _memory_share(view, amounts)
    is_seen = files is not None and files.files > 0
    return ReadSummary(
        read_bytes_per_s=amounts[0] * 1e9 / span_ns if amounts is not None and span_ns else None,
        memory_share=share,
        data_bytes=files.size_bytes if files is not None and is_seen else None,
        data_files=files.files if files is not None and is_seen else None,
        data_is_whole=files.is_whole if files is not None and is_seen else False,
        room_bytes=files.room_bytes if files is not None else None,
        reason=reason,
    )


def flattery(reads: ReadSummary) -> str | None:
    """Return a sentence where the window read from memory what will not fit there; None elsewhere."""
    share, size, room = reads.memory_share, reads.data_bytes, reads.room_bytes
    if share is None or size is None or room is None or share < MOSTLY or size <= ROOM * room:
        return None
    least = "" if reads.data_is_whole else "at least "
    return (
        f"{units.percent(share)} of what the loader read came from the page cache, and the data set "
        f"({least}{units.size(size)}) will not fit into the {units.size(room)} of memory: "
        "longer runs read from storage, and are slower than this window."
    )


def _amounts(view: CleanView, loader: Loader) -> tuple[Amounts | None, int]:
    """Return what the loader's processes read in the window, and the time over which that was counted."""
    timeline = view.timeline
    workers = {track.pid for track in timeline.tracks if track.worker is not None}
    pids = workers if loader.num_workers else {timeline.facts.get("pid")}
    sums, span_ns = [0.0, 0.0], 0
    found = False
    for counter in timeline.counters:
        names = ("process_read_any_bytes_per_s", "process_read_bytes_per_s")
        if counter.pid in pids and counter.name in names:
            amount, lasted = _within(counter, int(view.start_ns[0]), int(view.end_ns[-1]))
            sums[names.index(counter.name)] += amount
            span_ns = max(span_ns, lasted)
            found = found or lasted > 0
    return ((sums[0], sums[1]) if found else None), span_ns


def _within(counter: Counter, start: int, end: int) -> tuple[float, int]:
    """Return what a rate comes to in the window, and over how much of it there were readings."""
    times = counter.time_ns
    lengths = np.diff(times, prepend=times[:1] - (times[1] - times[0] if len(times) > 1 else 0))
    inside = (times > start) & (times <= end)
    return float((counter.value[inside] * lengths[inside]).sum() / 1e9), int(lengths[inside].sum())


def _memory_share(view: CleanView, amounts: Amounts | None) -> tuple[float | None, str | None]:
    """Return the share of reads that came from memory, or None and why it isn't known."""
    if amounts is None:
        return None, "the window was too short for the counters of the loader's processes"
    asked, from_storage = amounts
    if from_storage > MAPPED * max(asked, LEAST_BYTES):
        return None, "storage gave far more than read calls asked for: files are mapped"
    if asked < LEAST_BYTES:
        return None, "the loader read next to nothing by read calls; reads of mapped files are not counted"
    uncounted = _uncounted(view)
    if uncounted:
        return None, uncounted
    return max(0.0, 1.0 - from_storage / asked), None


def _uncounted(view: CleanView) -> str | None:
    """Return why reads from storage may be missing from the kernel's count; None where they aren't."""
    files, counters = view.timeline.data_files, view.timeline.counters
    if files is not None and files.files:
        others = [kind for kind in files.file_systems if kind not in COUNTED]
        return f"reads of {others[0]} file systems are not counted by the kernel" if others else None
    if any(c.name == "process_read_bytes_per_s" and c.value.any() for c in counters):
        return None
    return "no data file was seen, and no read from storage was counted"
