"""Compare two scripts, or one script under two settings, in turns: collect, align, compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from throughput.align.timeline import Context, RankReader
from throughput.collect.lockstep import Turns, take_turns
from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import RunDirectory
from throughput.compare.lockstep import PairRatio, Ratio, combined, pair_ratio
from throughput.errors import ScriptFailed
from throughput.flows.raw_files import FolderFiles
from throughput.model.timeline import Timeline


def compare_in_turns(
    first: ProfileOptions,
    second: ProfileOptions,
    *,
    pairs: int,
    turns: Turns,
    done: Callable[[Ratio], bool] = lambda _ratio: False,
) -> Ratio:
    """Return step time of the second over the first, from fresh pairs of processes; `done` may end it early.

    Raises:
        ScriptFailed: a script doesn't step, or hangs.
        UsageError: a script isn't there.
    """
    found: list[PairRatio] = []
    for _ in range(pairs):
        found.append(one_pair((first, second), turns))
        if done(combined(found)):
            break
    return combined(found)


def one_pair(sides: Sequence[ProfileOptions], turns: Turns) -> PairRatio:
    """Return what one pair of fresh processes says."""
    return pair_ratio(*pair_in_turns(sides, turns))


def pair_in_turns(sides: Sequence[ProfileOptions], turns: Turns) -> tuple[Timeline, Timeline]:
    """Return the timelines of one pair of fresh processes that ran in turns.

    Raises:
        ScriptFailed: a script doesn't step, or hangs.
        UsageError: a script isn't there.
    """
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        first, second = take_turns(sides, Path(folder), turns)
        return light_timeline(first), light_timeline(second)


def light_timeline(directory: RunDirectory) -> Timeline:
    """Return the timeline of a run with nothing but light timers.

    Raises:
        ScriptFailed: no process trained.
    """
    folders = directory.ranks()
    if not folders:
        raise ScriptFailed("The script never stepped.", hint="Name a function that is a step with --marker.")
    context = Context(rank=0, script_dir="", stacks_began_ns=None)
    return RankReader(FolderFiles(folders[0]), context).timeline()
