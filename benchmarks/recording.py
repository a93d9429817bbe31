"""Keep a profiled pair's raw files, slim and without a trace of the machine, to be analysed again."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from benchmarks.store import ROOT
from tests.golden.slim import slim

RECORDINGS = ROOT / "tests" / "golden" / "recordings"
MOST_BYTES = 290_000
"""Of an archive; stacks are thinned out until it is no larger."""
THINNED = (1, 2, 3, 4, 6, 8)
EPOCH = (2026, 1, 1, 0, 0, 0)


def keep(run: Path, name: str) -> None:
    """Write a run directory's slim form as one archive, with as many of its stacks as fit."""
    RECORDINGS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, packed = Path(folder) / "run", Path(folder) / "run.zip"
        for every in THINNED:
            slim(run, whole, every, packs=False)
            _pack(whole, packed)
            if packed.stat().st_size <= MOST_BYTES:
                break
        (RECORDINGS / f"{name}.zip").write_bytes(packed.read_bytes())


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as out:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            out.writestr(entry, path.read_bytes(), zipfile.ZIP_LZMA)
