"""Turn what a replay says of loader settings into the page's table: workers down, prefetch across."""

from __future__ import annotations

from dataclasses import dataclass

from throughput import units
from throughput.model.report import ReplayRow, ReplaySummary


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """The speeds that a number of workers would give."""

    workers: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTable:
    """A sentence on how good the replay is, and the speeds; both empty where there is none."""

    sentence: str = ""
    ahead: tuple[str, ...] = ()
    rows: tuple[SettingRow, ...] = ()


def replay_table(replay: ReplaySummary | None) -> ReplayTable:
    """Return the table of a report."""
    if replay is None:
        return ReplayTable()
    if replay.error is None:
        return ReplayTable(sentence="Too few steps to check a replay of this run, so nothing is predicted.")
    known = f"A replay of this run misses steps that it has not seen by {units.percent(replay.error)}"
    if not replay.settings:
        return ReplayTable(sentence=f"{known}.")
    ahead = sorted({row.prefetch_factor for row in replay.settings if row.prefetch_factor is not None})
    counts = sorted({row.num_workers for row in replay.settings})
    by_setting = {(row.num_workers, row.prefetch_factor): row for row in replay.settings}
    rows = tuple(
        SettingRow(
            workers=str(count),
            cells=tuple(
                _cell(by_setting.get((count, factor)) or by_setting.get((count, None)), replay.best)
                for factor in ahead
            ),
        )
        for count in counts
    )
    return ReplayTable(
        sentence=f"{known}. The speed that it predicts for other loader settings, without what it costs to "
        "send batches from workers that are not there now:",
        ahead=tuple(str(factor) for factor in ahead),
        rows=rows,
    )


def _cell(row: ReplayRow | None, best: ReplayRow | None) -> str:
    if row is None:
        return "–"
    return f"{units.rate(row.steps_per_s, 'steps')}{' (best)' if row == best else ''}"
