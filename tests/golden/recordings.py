"""What re-analysis says of each recorded pair, beside what stands in `expected.json`.

    python -m tests.golden.recordings

analyses all recordings again and writes `expected.json`: look at its diff before it is committed.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from throughput.collect.run_directory import RunDirectory
from throughput.flows.analyse import analyse
from throughput.model.attribution import Hotspot
from throughput.model.report import Analysis, Report

FOLDER = Path(__file__).parent / "recordings"
EXPECTED = FOLDER / "expected.json"
TOP = 3
"""Hotspots that are compared: further ones are small."""
LEAST_SHARE = 0.02
"""Smaller categories and hotspots come and go."""

Json = dict[str, Any]


def names() -> list[str]:
    """Return the names of the recordings, PAIR-WORKERS-SIDE."""
    return sorted(path.stem for path in FOLDER.glob("*.zip"))


def analysis_of(name: str, scratch: Path) -> Analysis:
    """Return the recording's analysis of today."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
        archive.extractall(scratch / name)
    return analyse(RunDirectory(scratch / name))


def report_of(name: str, scratch: Path) -> Report:
    """Return what the recording's analysis says today."""
    return analysis_of(name, scratch).report


def said(report: Report) -> Json:
    """Return what is compared: categories, first hotspots, and every finding with its place."""
    return {
        "split": {
            row.category.value: round(row.share, 3)
            for row in report.split
            if row.share is not None and row.share >= LEAST_SHARE
        },
        "hotspots": [_hotspot(one) for one in report.hotspots[:TOP] if one.share >= LEAST_SHARE],
        "findings": [
            [one.rule, f"{one.where.file}:{one.where.line}" if one.where else None] for one in report.findings
        ],
    }


def _hotspot(one: Hotspot) -> Json:
    caller = f"{one.caller.file}:{one.caller.line}" if one.caller else None
    lock = one.lock.name if one.lock else None
    found = {"name": one.name, "at": f"{one.file}:{one.line}", "caller": caller, "lock": lock}
    return {key: value for key, value in found.items() if value} | {
        "category": one.category.value,
        "share": round(one.share, 3),
    }


def main() -> None:
    """Write what all recordings say today."""
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        found = {name: said(report_of(name, Path(scratch))) for name in names()}
    EXPECTED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
