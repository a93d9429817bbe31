"""Data files are found where processes have them open or mapped; code, logs and our own files are none."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from throughput.align.data_files import read_data_files
from throughput.collect.data_files import DataFiles, _may_be_data
from throughput.errors import DamagedFile

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOLDER = """
import mmap, sys
folder = sys.argv[1]
kept = open(folder + "/data/part-0.bin", "rb")
with open(folder + "/mapped.arrow", "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
log = open(folder + "/written.txt", "w")
code = open(folder + "/code.py")
ours = open(folder + "/raw/events.i64", "rb")
print("ready", flush=True)
sys.stdin.read()
"""


def fill(folder: Path) -> None:
    for name in ("data", "raw"):
        (folder / name).mkdir()
    for name, size in (
        ("data/part-0.bin", 100), ("data/part-1.bin", 200), ("data/labels.csv", 7), ("mapped.arrow", 5000),
        ("code.py", 3), ("raw/events.i64", 64),
    ):  # fmt: skip
        (folder / name).write_bytes(b"x" * size)


@linux
def test_files_open_for_reading_and_mapped_files_are_data(tmp_path: Path) -> None:
    fill(tmp_path)
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        found = DataFiles(str(tmp_path / "raw"))
        found.look([holder.pid])
        time.sleep(1.1)  # mappings are read once a process is a second old
        found.look([holder.pid, 2**22 + 1])
        holder.communicate()
    assert found.seen == {str(tmp_path / "data/part-0.bin"): 100, str(tmp_path / "mapped.arrow"): 5000}
    # One file of a kind stands for itself.
    assert found.counted() == (found.seen, True)


def test_several_of_a_kind_stand_for_all_of_their_folder(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "data" / "part-2.bin").write_bytes(b"x" * 300)
    found = DataFiles()
    found._add(str(tmp_path / "data" / f"part-{number}.bin") for number in (0, 1))
    files, is_whole = found.counted()
    assert (sum(files.values()), len(files), is_whole) == (600, 3, True)


def test_folders_side_by_side_stand_for_all_beside_them(tmp_path: Path) -> None:
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.jpg").write_bytes(b"x" * 10)
    found = DataFiles()
    found._add(str(tmp_path / name / "0.jpg") for name in ("cat", "owl"))
    assert len(found.counted()[0]) == 6


def test_what_tools_leave_open_is_no_data() -> None:
    for name in ("/data/model.py", "/data/x/site-packages/y.dat", "/data/tmp740zj6ve.json", "/data/a.so.1"):
        assert not _may_be_data(name, "")
    assert _may_be_data("/data/annotations.json", "")
    assert not _may_be_data("/data/run/raw/events.i64", "/data/run/raw")


def test_counting_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("throughput.collect.data_files.COUNT_MOST", 3)
    for number in range(9):
        (tmp_path / f"{number}.bin").write_bytes(b"x")
    found = DataFiles()
    found._add(str(tmp_path / f"{number}.bin") for number in range(2))
    files, is_whole = found.counted()
    assert (len(files), is_whole) == (3, False)


def test_the_reader_reads_what_is_written(tmp_path: Path) -> None:
    fill(tmp_path)
    found = DataFiles()
    found._add([str(tmp_path / "mapped.arrow")])
    found.write(tmp_path / "data_files.json")
    with (tmp_path / "data_files.json").open("rb") as file:
        read = read_data_files(file)
    assert (read.files, read.size_bytes, read.is_whole) == (1, 5000, True)
    assert len(read.file_systems) == 1
    assert read.room_bytes is not None
    assert read.room_bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"format": "other"}, {"files": -1}, {"bytes": 2**80}, {"file_systems": "ext4"}]
)
def test_a_damaged_file_is_one_sentence(change: dict[str, object]) -> None:
    sound = {
        "format": "throughput.data_files", "schema": 1, "files": 1, "bytes": 2, "whole": True,
        "file_systems": ["ext4"], "room_bytes": None,
    }  # fmt: skip
    assert read_data_files(io.BytesIO(json.dumps(sound).encode())).files == 1
    for data in (json.dumps(sound | change).encode(), b"[" * 100_000, b"\xff"):
        with pytest.raises(DamagedFile, match="data_files"):
            read_data_files(io.BytesIO(data))
