"""Measure what the page cache lends a script: fresh runs with its data in memory, and with it dropped."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

import throughput
from throughput.collect.data_files import FILE, DataFiles
from throughput.collect.options import ALWAYS, ProfileOptions
from throughput.collect.page_cache import Dropped, drop_from_cache
from throughput.collect.profile import Listener, collect
from throughput.collect.run_directory import RunDirectory
from throughput.compare.lockstep import PairRatio, Ratio, combined, fresh_ratio
from throughput.errors import ScriptFailed, UsageError
from throughput.flows.lockstep import light_timeline
from throughput.model.experiment import Experiment
from throughput.model.run import Run
from throughput.model.timeline import Timeline

NAME = "reading from storage (data dropped from the page cache)"
STEPS, LOOKED_STEPS = 400, 4_000
"""Kept of a run, at most; the first one is looked at for longer: files are seen twice a second."""
WARMUP = "5"
"""Steps before them: enough to find out what a step is; later ones of a first epoch read data anew too."""
READ_S = 60.0
"""How long data are read into the cache before a warm run: what takes longer hardly fits there."""
READ_BYTES = 1 << 20
STARTING_S = 60.0
"""A run whose start was never timed may take so long until its first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    timeline: Timeline
    run: Run
    files: tuple[str, ...]


def try_cold(
    options: ProfileOptions,
    *,
    pairs: int,
    seconds: float,
    dropped: Callable[[Dropped], None],
    heard: Callable[[Ratio], None],
) -> Experiment:
    """Return what reading from storage costs, over fresh pairs of runs one after the other.

    A first run, not counted, finds the data files and leaves them in the cache.

    Raises:
        ScriptFailed: the script doesn't step.
        UsageError: no data file was seen, or this system can't drop files from its cache.
    """
    first = _run(options, seconds + STARTING_S, looks=True)
    if not first.files:
        raise UsageError(
            "No data file was seen open or mapped, so there is nothing to drop from the cache.",
            hint="Data made or kept in memory never comes from storage.",
        )
    limit = seconds + (first.run.startup_s or STARTING_S)
    found: list[PairRatio] = []
    for number in range(pairs):
        sides: dict[bool, Timeline] = {}
        for is_cold in (True, False) if number % 2 == 0 else (False, True):
            if is_cold:
                dropped(drop_from_cache(first.files))
            else:
                read_into_cache(first.files)
            sides[is_cold] = _run(options, limit, looks=False).timeline
        found.append(fresh_ratio(sides[False], sides[True]))
        heard(combined(found))
    return _experiment(combined(found))


def read_into_cache(files: Sequence[str]) -> None:
    """Read files, one after the other, so that they are in the page cache as far as it holds them."""
    deadline = time.monotonic() + READ_S
    for path in files:
        try:
            with Path(path).open("rb", buffering=0) as file:
                while file.read(READ_BYTES) and time.monotonic() < deadline:
                    pass
        except OSError:
            continue


def _run(options: ProfileOptions, limit_s: float, *, looks: bool) -> _Ran:
    """Run the script alone under light timers, for so many seconds at most.

    Args:
        options: the script.
        limit_s: from its start to its stop.
        looks: find out which files it reads.

    Raises:
        ScriptFailed: it ended with an error, or has no training process.
    """
    collectors = (*ALWAYS, "host") if looks else ALWAYS
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        light = replace(
            options,
            collectors=collectors,
            steps=LOOKED_STEPS if looks else STEPS,
            warmup=WARMUP,
            max_seconds=limit_s,
            out=str(Path(folder) / "run"),
            run_to_end=False,
        )
        silent = Listener(relay=lambda _name, _data: None, progress=lambda _progress: None)
        directory, run = collect(light, silent, throughput.__version__)
        if run.ended in ("crashed", "stalled", "interrupted"):
            raise ScriptFailed(f"The script's run is {run.ended}.", hint="Run it by itself first.")
        files = _data_files(directory) if looks else ()
        return _Ran(timeline=light_timeline(directory), run=run, files=files)


def _data_files(directory: RunDirectory) -> tuple[str, ...]:
    """Return the files that a run was seen to read, and those that they stand for."""
    path = directory.raw / FILE
    if not path.is_file():
        return ()
    seen = msgspec.json.decode(path.read_bytes())["seen"]
    files, _ = DataFiles(seen=dict.fromkeys(seen, 0)).counted()
    return tuple(sorted(files))


def _experiment(ratio: Ratio) -> Experiment:
    return Experiment(
        name=NAME,
        knobs={"cold": True},
        speedup=1 / ratio.ratio,
        low=1 / ratio.high,
        high=1 / ratio.low,
        pairs=ratio.pairs,
        before_ns=ratio.first_ns,
        after_ns=ratio.second_ns,
        form="one after the other",
    )
