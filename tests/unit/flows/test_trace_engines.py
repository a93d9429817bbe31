"""Traces read by several processes: the same as one after the other, and no process outlives its parent."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.unit.flows.trace_scenes import a_run, training, written
from throughput.errors import DamagedFile, ThroughputError, UsageError
from throughput.flows.trace_engines import (
    PROCESSES_MAX,
    WORTH_BYTES,
    Engine,
    answers,
    engine_named,
    processes_for,
)
from throughput.flows.trace_files import CountedFile
from throughput.flows.trace_reading import read_rank, read_ranks
from throughput.flows.trace_run import analysis_of

ROOT = Path(__file__).parents[3]
# Two sources that nobody could read before the test is over.
WAITING = """
import os, time
from contextlib import closing
from throughput.flows.trace_engines import Engine, answers

def wait(source):
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    with closing(answers(Engine(processes=2), wait, ["a", "b"])) as found:
        for _answer in found:
            pass
"""


def four(folder: Path) -> list[Path]:
    """Write four ranks: two that say it, one whose name says it, one that nothing says; and a damaged one."""
    written(folder / "a.json", training(4, late=120), distributedInfo={"rank": 3, "world_size": 4})
    written(folder / "b.json.gz", training(4), distributedInfo={"rank": 1, "world_size": 4})
    written(folder / "rank2.json", training(4))
    written(folder / "d.json", training(4))
    (folder / "e.json").write_text("{}")
    return sorted(folder.iterdir())


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    sources, told = four(tmp_path), []
    one, notes = read_ranks(sources, lambda _text: None)
    both, same_notes = read_ranks(sources, told.append, Engine(processes=2))
    assert [rank.timeline.rank for rank in one] == [0, 1, 2, 3]
    assert [rank.source for rank in both] == [rank.source for rank in one]
    assert [rank.sha256 for rank in both] == [rank.sha256 for rank in one]
    assert same_notes == notes
    assert "e.json" in notes[0]
    reports = [msgspec.json.encode(analysis_of(a_run(4), ranks).report) for ranks in (one, both)]
    assert reports[0] == reports[1]
    assert len(told) == 1 + len(sources)


def test_a_rank_is_numbered_the_same_whatever_it_was_read_as(tmp_path: Path) -> None:
    ranks, _ = read_ranks(four(tmp_path), lambda _text: None)
    for one in ranks:
        number = one.timeline.rank
        assert one.attribution.rank == one.collectives.rank == number
        assert {device.rank for device in one.attribution.devices} == {number}
        assert {rank for spot in one.attribution.hotspots for rank in spot.ranks} == {number}
        assert {track.rank for track in one.timeline.tracks} == {number}


def gone(pids: list[int]) -> bool:
    """Return whether processes have ended, waiting up to a minute."""
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() and not ended(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def ended(pid: int) -> bool:
    """Return whether a process is a zombie that only waits to be asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process whose two readers never finish, and the readers' numbers."""
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    yield parent, [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.communicate()


def test_ctrl_c_leaves_no_process(waiting: tuple[subprocess.Popen[str], list[int]]) -> None:
    parent, readers = waiting
    for pid in (*readers, parent.pid):  # as a terminal sends it: to all; readers end with their parent
        os.kill(pid, signal.SIGINT)
    _, told = parent.communicate(timeout=60)
    assert parent.returncode not in (0, None)
    assert told.count("KeyboardInterrupt") <= 1  # of the parent; the readers say nothing
    assert gone(readers)


def test_readers_end_with_a_parent_that_is_killed(
    waiting: tuple[subprocess.Popen[str], list[int]],
) -> None:
    parent, readers = waiting
    parent.kill()
    assert gone(readers)


def test_a_reader_that_is_killed_is_told_in_a_sentence() -> None:
    with (
        pytest.raises(ThroughputError, match="was killed"),
        closing(answers(Engine(processes=2), end_at_once, ["a", "b"])) as found,
    ):
        list(found)


def end_at_once(source: str) -> str:
    """End like a process that got too large."""
    os._exit(9)


def test_how_many_processes_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(WORTH_BYTES + 1)
    small = str(written(tmp_path / "small.json", training(1)))
    assert processes_for(Engine(), [small, small]) == 1
    assert 1 <= processes_for(Engine(), [str(large)] * 99) <= PROCESSES_MAX
    assert processes_for(Engine(), [str(large)]) == 1
    assert processes_for(Engine(processes=5), [small] * 3) == 3
    assert processes_for(Engine(processes=5), ["memory://a", "memory://b"]) == 1
    assert processes_for(Engine(), [str(tmp_path / "none")] * 2) == 1


def test_engines_are_named() -> None:
    assert engine_named(None, None) == Engine()
    assert engine_named(None, 3) == Engine(processes=3)
    assert engine_named("dask://scheduler:8786", None) == Engine(dask="scheduler:8786")
    for text, processes in (("ray://a:1", None), ("dask://host", None), ("dask://host:1", 2)):
        with pytest.raises(UsageError):
            engine_named(text, processes)


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    answer = read_rank(str(tmp_path / "none.json"))
    assert isinstance(answer, DamagedFile)
    assert "none.json can't be opened" in answer.what

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the network is unreachable")

    with pytest.raises(DamagedFile, match=r"far.json can't be read to its end: the network is unreachable"):
        CountedFile(Broken(), "far.json").read(10)
