"""Finds decompression in the data pipeline."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

COMPRESSED = re.compile(
    r"NpzFile|\.npz\b|\b(gzip|zlib|bz2|lzma|zipfile|zstandard|tarfile|lz4)\b(\.|/|\.py|$)|decompress"
)
FIX = (
    "Store the arrays uncompressed, once, and map them:\n"
    "    np.save(path, array)                    # not np.savez_compressed\n"
    '    array = np.load(path, mmap_mode="r")'
)


def check(facts: Facts) -> Finding | None:
    """See compressed files (npz, gz, zip, zlib) unpacked for each sample.

    Why it costs: zlib unpacks 100 to 400 MB/s on one core, a tenth of what an SSD reads; and an .npz is
    opened and its directory parsed on each access.
    How to fix: unpack once; keep .npy files that are memory-mapped, or a format such as Parquet with a
    fast codec (zstd, lz4).
    When it is wrong: the link to the storage is slower than unpacking, so that compression pays.
    Sources: PRESTO (SIGMOD'22); SPDL's documentation on NumPy files.
    """
    places = reading.places(facts, Category.DATA_LOADING)
    opened = reading.matching(facts, places, findings.OPENS)
    found = [place for place in reading.matching(facts, places, COMPRESSED) if place not in opened]
    return findings.at_places(facts, found, ("Files are decompressed for each sample", FIX))


def _fires() -> tuple[Facts, ...]:
    npz = loading(
        "numpy.lib.npyio.NpzFile.__getitem__", 0.3, "site-packages/numpy/lib/npyio.py:240", caller="data.py:8"
    )
    own = {"data.py": {10: "        raw = zlib.decompress(self.blobs[index])"}}
    return (
        facts({Category.DATA_LOADING: 0.4}, (npz,), loader=loader()),
        facts({Category.DATA_LOADING: 0.4}, (loading("Blobs.__getitem__", 0.3),), sources=own),
    )


def _quiet() -> tuple[Facts, ...]:
    own = {"data.py": {10: "        raw = self.blobs[index]"}}
    return (
        facts({Category.DATA_LOADING: 0.4}, (loading("Blobs.__getitem__", 0.3),), sources=own),
        facts({Category.DATA_LOADING: 0.01}, (loading("gzip.decompress", 0.01),)),
    )


RULE = SpecificRule(
    name="compressed-read",
    check=check,
    requires=("stacks",),
    supersedes=(*GENERAL_LOADING, "slow-storage-read"),
    fires=_fires,
    quiet=_quiet,
)
