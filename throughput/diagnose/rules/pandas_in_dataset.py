"""Finds pandas in the data pipeline."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

PANDAS = re.compile(r"(^|site-packages/)pandas[/.]|\.(iloc|loc|iterrows|itertuples)\b")
FIX = (
    "Take the columns out of the DataFrame once, when the data set is made:\n"
    "    self.x = torch.from_numpy(frame[columns].to_numpy(np.float32))\n"
    "and index the tensor in __getitem__."
)


def check(facts: Facts) -> Finding | None:
    """See pandas used for each sample.

    Why it costs: one `frame.iloc[i]` builds a Series with an index and a common type: 20 to 100 us, where
    a row of a numpy array takes 0.1 us.
    How to fix: turn the columns into arrays or tensors once, and index those.
    When it is wrong: pandas works on whole batches or files here, and its time is real work.
    Sources: pandas' user guide "Enhancing performance"; SPDL's documentation.
    """
    found = reading.matching(facts, reading.places(facts, Category.DATA_LOADING), PANDAS)
    return findings.at_places(facts, found, ("pandas is called for each sample", FIX))


def _fires() -> tuple[Facts, ...]:
    row = loading(
        "pandas.core.indexing._iLocIndexer.__getitem__",
        0.35,
        "site-packages/pandas/core/indexing.py:1191",
        caller="data.py:20",
    )
    return (facts({Category.DATA_LOADING: 0.5}, (row,), loader=loader()),)


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.DATA_LOADING: 0.5}, (loading("Table.__getitem__", 0.4),), loader=loader()),
        facts({Category.DATA_LOADING: 0.02}, (loading("pandas.read_csv", 0.02),)),
    )


RULE = SpecificRule(
    name="pandas-in-dataset",
    check=check,
    requires=("stacks",),
    supersedes=(*GENERAL_LOADING, "python-loop-in-dataset"),
    fires=_fires,
    quiet=_quiet,
)
