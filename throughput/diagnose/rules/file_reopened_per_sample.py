"""Finds a container file that is opened anew for each sample."""

from __future__ import annotations

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

FIX = (
    "Open the file once in each worker, at the first access, and keep it:\n"
    "    def __getitem__(self, index):\n"
    "        if self.file is None:\n"
    '            self.file = h5py.File(self.path, "r")\n'
    '        return self.file["x"][index]'
)


def check(facts: Facts) -> Finding | None:
    """See one large file (HDF5, SQLite, zip, LMDB, memmap) opened again and again in the data pipeline.

    Why it costs: opening parses the file's header or directory, often megabytes of it, and drops its
    cache.
    How to fix: open lazily, once a worker (not in __init__: handles don't survive fork and pickling).
    When it is wrong: each sample really is in another file; then pack the files.
    Sources: h5py's documentation on parallel reading; users' threads in root causes of slow loading.
    """
    found = reading.matching(facts, reading.places(facts, Category.DATA_LOADING), findings.OPENS)
    return findings.at_places(facts, found, ("A file is opened again for each sample", FIX))


def _fires() -> tuple[Facts, ...]:
    h5 = loading("h5py.File", 0.3, "site-packages/h5py/_hl/files.py:500", caller="data.py:12")
    own = {"data.py": {10: "        with open(self.path, 'rb') as file:"}}
    return (
        facts({Category.DATA_LOADING: 0.4}, (h5,)),
        facts({Category.DATA_LOADING: 0.4}, (loading("Rows.__getitem__", 0.3),), sources=own),
    )


def _quiet() -> tuple[Facts, ...]:
    own = {"data.py": {10: "        with open(self.paths[index], 'rb') as file:"}}
    return (facts({Category.DATA_LOADING: 0.4}, (loading("Rows.__getitem__", 0.3),), sources=own),)


RULE = SpecificRule(
    name="file-reopened-per-sample",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "slow-storage-read"),
)
