"""Files are dropped from the page cache, and how much of them was there is known."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from throughput.collect.data_files import _file_systems
from throughput.collect.page_cache import drop_from_cache
from throughput.errors import UsageError

SIZE = 3_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for pages")
def test_a_file_that_was_read_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(SIZE))  # not written to storage yet: it must be, to be dropped
    empty = tmp_path / "empty"
    empty.touch()
    if _file_systems([str(path)]) & {"tmpfs", "ramfs"}:
        pytest.skip("files of this folder are memory")
    found = drop_from_cache([str(path), str(empty), str(tmp_path / "gone")])
    assert (found.files, found.size_bytes) == (2, SIZE)
    assert found.before == pytest.approx(1.0)
    assert found.after == 0
    path.read_bytes()
    assert drop_from_cache([str(path)]).before == pytest.approx(1.0)
    assert drop_from_cache([str(path)]).before == 0
    assert path.stat().st_size == SIZE


def test_nothing_to_drop() -> None:
    found = drop_from_cache([])
    assert (found.files, found.before, found.after) == (0, None, None)


def test_a_system_that_cant_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    with pytest.raises(UsageError, match="can't drop"):
        drop_from_cache([])
