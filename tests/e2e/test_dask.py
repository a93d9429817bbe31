"""Traces read by Dask: a real scheduler and two workers on loopback give what this process gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.flows.trace_scenes import a_run, training, written
from throughput.errors import ThroughputError, UsageError
from throughput.flows import trace_engines
from throughput.flows.trace_engines import Engine
from throughput.flows.trace_reading import read_ranks
from throughput.flows.trace_run import analysis_of

pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def started(*arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was asked to end; a worker that loses its scheduler may wait for ever."""
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, each with one thread."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file), "--no-dashboard")
    processes = [
        started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common, cwd=folder)
    ]
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not file.exists() or not file.read_bytes().strip():
            assert processes[0].poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        name = json.loads(file.read_text())["address"].removeprefix("tcp://")
        one = ("distributed.cli.dask_worker", *common, "--nthreads", "1", "--no-nanny")
        processes += [started(*one, "--local-directory", str(folder / f"{n}"), cwd=folder) for n in range(2)]
        from distributed import Client

        with Client(f"tcp://{name}", timeout=PATIENCE_S, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE_S)
        yield name
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            ended(process)


def test_a_cluster_gives_what_this_process_gives(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank in range(4):
        written(tmp_path / f"rank{rank}.json.gz", training(4, late=150 if rank == 2 else 0))
    (tmp_path / "rank9.json").write_text("[]")
    monkeypatch.chdir(tmp_path)  # the workers run elsewhere
    sources = sorted(path.name for path in tmp_path.iterdir())
    here, notes = read_ranks(sources, lambda _text: None)
    there, same_notes = read_ranks(sources, lambda _text: None, Engine(dask=address))
    assert [one.source for one in there] == [one.source for one in here] == sources[:-1]
    assert [one.sha256 for one in there] == [one.sha256 for one in here]
    assert same_notes == notes
    reports = [msgspec.json.encode(analysis_of(a_run(4), ranks).report) for ranks in (here, there)]
    assert reports[0] == reports[1]
    assert json.loads(reports[1])["stragglers"] == [2]


def test_what_a_cluster_lacks_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ThroughputError, match=r"Dask cluster at .* failed"):
        list(trace_engines.answers(Engine(dask=address), fail, ["a"]))
    monkeypatch.setattr(trace_engines, "CONNECT_S", 1)
    with pytest.raises(UsageError, match="No Dask scheduler answers"):
        list(trace_engines.answers(Engine(dask="127.0.0.1:9"), fail, ["a"]))


def fail(source: str) -> str:
    """Fail as a worker does that can't see a file."""
    raise FileNotFoundError(source)
