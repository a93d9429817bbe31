"""Analyse traces that exist: read each rank's, attribute, compare the ranks, diagnose, write the reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import throughput
from throughput.attribute.trace_level import Levelled, levelled
from throughput.attribute.trace_ranks import Imposed, imposed, stragglers
from throughput.collect.run_directory import RunDirectory, new_run_directory, write_whole
from throughput.collect.secrets import mask, mask_arguments
from throughput.flows.analyse import build_report
from throughput.flows.profile import FILES, write_reports
from throughput.flows.trace_engines import HERE, Engine
from throughput.flows.trace_files import Reference, name_of, references_json, trace_files
from throughput.flows.trace_reading import OneRank, Progress, read_ranks
from throughput.flows.trace_words import level_notes, rank_note, replay_note, step_note
from throughput.model.finding import Facts
from throughput.model.report import Analysis, Headline, Report
from throughput.model.run import CollectorStatus, Run, Window
from throughput.render.headline import FEW_STEPS, headline


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzed:
    """What `analyze` made."""

    directory: RunDirectory
    analysis: Analysis
    files: tuple[str, ...]


def analyze(named: Sequence[str], out: str | None, progress: Progress, engine: Engine = HERE) -> Analyzed:
    """Read traces and write a run directory that refers to them, with the reports.

    Args:
        named: trace files, and folders of ranks; paths or URLs.
        out: the run directory; None chooses one.
        progress: is told which file is read.
        engine: who reads them.

    Raises:
        UsageError: nothing is there to read or to read with, or nowhere to write.
        DamagedFile: no trace can be read.
    """
    sources = trace_files(named)
    started = dt.datetime.now(dt.timezone.utc)
    ranks, notes = read_ranks(sources, progress, engine)
    directory = new_run_directory(out, _stem(sources), started)
    references = [
        Reference(path=mask(one.source), bytes=one.bytes, sha256=one.sha256, rank=one.timeline.rank)
        for one in ranks
    ]
    write_whole(directory.raw / "traces.json", references_json(references))
    run = _run(directory, started, named, (ranks, references, notes))
    directory.write_run(run)
    analysis = analysis_of(run, ranks)
    return Analyzed(directory=directory, analysis=analysis, files=write_reports(directory, analysis, FILES))


def _stem(sources: Sequence[str]) -> str:
    folder = name_of(sources[0].replace("\\", "/").rpartition("/")[0])
    name = name_of(sources[0]) if len(sources) == 1 else folder or "ranks"
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
        command=mask_arguments(("throughput", "analyze", *named)),
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
    chosen = stragglers(rows)
    level = _levelled(ranks, chosen)
    by_rank = {row.ranks[0]: row for row in level if len(row.ranks) == 1}
    facts = tuple(
        _facts(run, one, late.get(one.timeline.rank), by_rank.get(one.timeline.rank)) for one in ranks
    )
    report = build_report(run, facts)
    shown = replace(
        report,
        ranks=tuple(
            replace(row, imposed_ns_per_step=late[row.rank].ns_per_step if row.rank in late else None)
            for row in report.ranks
        ),
        stragglers=tuple(row.rank for row in chosen),
        notes=_notes(report, ranks, (chosen, level)),
    )
    return Analysis(report=replace(shown, headline=_headline(shown, facts)), facts=facts)


def _levelled(ranks: Sequence[OneRank], late: Sequence[Imposed]) -> tuple[Levelled, ...]:
    """Return what a step saves with each straggler at the others' pace, and, of several, with all."""
    sets: list[tuple[int, ...]] = [(row.rank,) for row in late]
    sets += [tuple(row.rank for row in late)] if len(late) > 1 else []
    return levelled([one.collectives for one in ranks], [one.attribution for one in ranks], sets)


def _facts(run: Run, one: OneRank, late: Imposed | None, level: Levelled | None) -> Facts:
    timeline = one.timeline
    if late is not None:
        ranks: dict[str, object] = {
            "imposed_ns": late.ns_per_step,
            "share": late.share,
            "collectives": late.collectives,
            "late_in": None if late.late_in is None else late.late_in.value,
            "excess_ns": late.excess_ns,
            "levelled": None
            if level is None
            else {
                "step_ns": level.step_ns,
                "low_ns": level.low_ns,
                "expected_ns": level.expected_ns,
                "high_ns": level.high_ns,
            },
        }
        timeline = replace(timeline, facts=timeline.facts | {"ranks": ranks})
    return Facts(run=run, timeline=timeline, attribution=one.attribution)


def _notes(
    report: Report, ranks: Sequence[OneRank], told_of: tuple[Sequence[Imposed], Sequence[Levelled]]
) -> tuple[str, ...]:
    """Return the report's notes with those of all ranks, each once."""
    lines = [*report.notes, *(note for one in ranks[1:] for note in one.timeline.notes)]
    rule = ranks[0].timeline.facts.get("step_rule")
    lines += [f"A step is {rule}."] if rule else []
    told = replay_note(ranks[0].attribution.trace_replay)
    lines += [told] if told else []
    if len(ranks) > 1:
        lines += [rank_note(told_of[0], len(ranks)), *level_notes(told_of[1])]
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
