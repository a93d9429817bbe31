"""Analyse traces that exist: read each rank's, attribute, compare the ranks, diagnose, write the reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import throughput
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import rank_trace
from throughput.attribute.trace import attribute_trace
from throughput.attribute.trace_ranks import Collectives, Imposed, collectives_of, imposed, stragglers
from throughput.collect.run_directory import RunDirectory, new_run_directory, write_whole
from throughput.errors import DamagedFile
from throughput.flows.analyse import build_report
from throughput.flows.profile import FILES, write_reports
from throughput.flows.trace_files import (
    Reference,
    rank_in_name,
    reference_to,
    references_json,
    trace_files,
)
from throughput.flows.trace_words import device_notes, rank_note, replay_note, step_note
from throughput.model.attribution import Attribution
from throughput.model.finding import Facts
from throughput.model.report import Analysis, Headline, Report
from throughput.model.run import CollectorStatus, Run, Window
from throughput.model.timeline import Timeline
from throughput.model.trace import TraceEvents
from throughput.render.headline import FEW_STEPS, headline

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzed:
    """What `analyze` made."""

    directory: RunDirectory
    analysis: Analysis
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRank:
    """What is kept of a rank's trace when its events are given up."""

    path: Path
    timeline: Timeline
    attribution: Attribution
    collectives: Collectives


def analyze(named: Sequence[str], out: str | None, progress: Progress) -> Analyzed:
    """Read traces and write a run directory that refers to them, with the reports.

    Args:
        named: trace files, and folders of ranks.
        out: the run directory; None chooses one.
        progress: is told which file is read.

    Raises:
        UsageError: nothing is there to read, or nowhere to write.
        DamagedFile: no trace can be read.
    """
    paths = trace_files(named)
    started = dt.datetime.now(dt.timezone.utc)
    ranks, notes = read_ranks(paths, progress)
    directory = new_run_directory(out, _stem(paths), started)
    references = [reference_to(one.path, one.timeline.rank) for one in ranks]
    write_whole(directory.raw / "traces.json", references_json(references))
    run = _run(directory, started, named, (ranks, references, notes))
    directory.write_run(run)
    analysis = analysis_of(run, ranks)
    return Analyzed(directory=directory, analysis=analysis, files=write_reports(directory, analysis, FILES))


def read_ranks(paths: Sequence[Path], progress: Progress) -> tuple[tuple[OneRank, ...], tuple[str, ...]]:
    """Return each trace as a rank, in the order of ranks, and notes on those that can't be read.

    Raises:
        DamagedFile: none can be read.
    """
    found: list[OneRank] = []
    refused: list[DamagedFile] = []
    taken: set[int] = set()
    for number, path in enumerate(paths):
        progress(f"Reading {path.name} ({number + 1} of {len(paths)})")
        try:
            events = _events(path)
        except DamagedFile as error:
            refused.append(error)
            continue
        rank = _free_rank(events, path, taken, alone=len(paths) == 1)
        taken.add(rank)
        found.append(_one_rank(path, events, rank))
    if not found:
        raise refused[0]
    notes = [f"{error.what} It is left out." for error in refused]
    return tuple(sorted(found, key=lambda one: one.timeline.rank)), tuple(notes)


def _events(path: Path) -> TraceEvents:
    with path.open("rb") as file:
        return read_trace(file, path.name)


def _free_rank(events: TraceEvents, path: Path, taken: set[int], *, alone: bool) -> int:
    """Return the rank that the trace says, else that its name says, else the next free one."""
    for said in (events.rank, None if alone else rank_in_name(path)):
        if said is not None and said not in taken:
            return said
    return next(number for number in range(len(taken) + 1) if number not in taken)


def _one_rank(path: Path, events: TraceEvents, rank: int) -> OneRank:
    trace = rank_trace(events, rank)
    return OneRank(
        path=path,
        timeline=trace.timeline,
        attribution=attribute_trace(trace),
        collectives=collectives_of(trace),
    )


def _stem(paths: Sequence[Path]) -> str:
    name = paths[0].name if len(paths) == 1 else paths[0].parent.name or "ranks"
    for ending in (".gz", ".json", ".trace", ".pt"):
        name = name.removesuffix(ending)
    return name


def _run(
    directory: RunDirectory,
    started: dt.datetime,
    named: Sequence[str],
    read: tuple[tuple[OneRank, ...], Sequence[Reference], tuple[str, ...]],
) -> Run:
    """Return the run that the traces stand for."""
    ranks, references, notes = read
    facts = ranks[0].timeline.facts
    steps = len(ranks[0].timeline.steps)
    known = {k: facts[k] for k in ("device_name", "device_used", "world_size") if facts.get(k) is not None}
    many = step_note(steps)
    return Run(
        run_id=directory.path.name,
        tool_version=throughput.__version__,
        command=("throughput", "analyze", *named),
        script=None,
        script_dir="",
        cwd=".",
        started_at=started.isoformat(timespec="seconds"),
        window=Window(asked=steps, kept=steps, clean=steps, step_rule=facts.get("step_rule")),
        environment=known
        | {k: v for k, v in facts.get("trace", {}).items() if k not in ("base_ns", "traceName")}
        | {"traces": len(ranks), "traces_bytes": sum(r.bytes for r in references)},
        collectors=(CollectorStatus(name="torch", state="ok"),),
        notes=(*([many] if many else []), *notes),
    )


def analysis_of(run: Run, ranks: Sequence[OneRank]) -> Analysis:
    """Return the report of all ranks, with what each imposes on the others."""
    rows = imposed([one.collectives for one in ranks], [one.attribution for one in ranks])
    late = {row.rank: row for row in rows}
    facts = tuple(_facts(run, one, late.get(one.timeline.rank)) for one in ranks)
    report = build_report(run, facts)
    chosen = stragglers(rows)
    devices = tuple(device for one in ranks for device in one.attribution.devices)
    shown = replace(
        report,
        ranks=tuple(
            replace(row, imposed_ns_per_step=late[row.rank].ns_per_step if row.rank in late else None)
            for row in report.ranks
        ),
        devices=devices,
        stragglers=tuple(row.rank for row in chosen),
        notes=_notes(report, ranks, chosen),
    )
    return Analysis(report=replace(shown, headline=_headline(shown, facts)), facts=facts)


def _facts(run: Run, one: OneRank, late: Imposed | None) -> Facts:
    timeline = one.timeline
    if late is not None:
        ranks = {
            "imposed_ns": late.ns_per_step,
            "share": late.share,
            "collectives": late.collectives,
            "late_in": None if late.late_in is None else late.late_in.value,
            "excess_ns": late.excess_ns,
        }
        timeline = replace(timeline, facts=timeline.facts | {"ranks": ranks})
    return Facts(run=run, timeline=timeline, attribution=one.attribution)


def _notes(report: Report, ranks: Sequence[OneRank], late: Sequence[Imposed]) -> tuple[str, ...]:
    """Return the report's notes with those of all ranks, each once."""
    lines = [*report.notes, *(note for one in ranks[1:] for note in one.timeline.notes)]
    rule = ranks[0].timeline.facts.get("step_rule")
    lines += [f"A step is {rule}."] if rule else []
    lines += device_notes([device for one in ranks for device in one.attribution.devices])
    told = replay_note(ranks[0].attribution.trace_replay)
    lines += [told] if told else []
    if len(ranks) > 1:
        lines.append(rank_note(late, len(ranks)))
    return tuple(dict.fromkeys(lines))


def _headline(report: Report, facts: Sequence[Facts]) -> Headline:
    """Return the verdict: the steps of a trace were measured whole, so that few of them are not too few."""
    found = headline(
        report.split,
        report.throughput,
        report.hotspots,
        report.findings,
        bool(facts[0].timeline.facts.get("device_used")),
        max(report.run.window.clean, FEW_STEPS) if report.run.window.clean else 0,
    )
    if found.kind != "weak":
        return found
    return replace(found, evidence=(*found.evidence[:1], "Record more steps before acting on this."))
