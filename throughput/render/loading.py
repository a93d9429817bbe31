"""Say what the loader's samples and reads were, as titles and values that the page and report.md share."""

from __future__ import annotations

from throughput import units
from throughput.model.attribution import LoaderSummary, ReadSummary, SlowSample
from throughput.render.labels import plain

SAMPLES = 10
REASON = 200  # characters: reports of others may hold anything

Row = tuple[str, str]


def rows(loader: LoaderSummary) -> tuple[Row, ...]:
    """Return the slowest samples, the reads and the data set; what an older report lacks has no row."""
    found = []
    if loader.sample_ns is not None and loader.slowest:
        found.append(("A sample takes, on average", units.duration(loader.sample_ns)))
    if loader.slowest or loader.slowest_reason:
        found.append(("Slowest samples, by index", _slowest(loader)))
    if loader.reads is not None:
        found += _reads(loader.reads)
    return tuple(found)


def _slowest(loader: LoaderSummary) -> str:
    if not loader.slowest:
        return plain(loader.slowest_reason or "", REASON)
    return ", ".join(_sample(one) for one in loader.slowest[:SAMPLES])


def _sample(one: SlowSample) -> str:
    where = "" if one.worker is None else f" in worker {one.worker}"
    return f"{one.index} ({units.duration(one.fetch_ns)}{where})"


def _reads(reads: ReadSummary) -> list[Row]:
    found = []
    speed = units.quantity(reads.read_bytes_per_s, "bytes_per_s")
    if reads.memory_share is not None:
        found.append(("Read", f"{speed}, {units.percent(reads.memory_share)} of it from the page cache"))
    elif reads.reason:
        found.append(("Read from the page cache", f"{units.NOT_MEASURED}: {plain(reads.reason, REASON)}"))
    if reads.data_bytes is not None and reads.data_files is not None:
        least = "" if reads.data_is_whole else "at least "
        room = f"; memory: {units.size(reads.room_bytes)}" if reads.room_bytes is not None else ""
        files = units.plural(reads.data_files, "file")
        found.append(("Data files seen", f"{least}{units.size(reads.data_bytes)} in {files}{room}"))
    return found
