"""Turn a run directory into an Analysis: align, attribute, diagnose, and put the report together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

from throughput.align.counters import read_counters
from throughput.align.data_files import read_data_files
from throughput.align.timeline import Context, RankReader
from throughput.attribute.attribution import attribute
from throughput.attribute.ledger import ledger_of
from throughput.attribute.memory import memory_of
from throughput.attribute.reads import flattery
from throughput.attribute.useful import module_rows
from throughput.collect.run_directory import RunDirectory
from throughput.diagnose.engine import diagnose
from throughput.diagnose.replay.ask import summary
from throughput.diagnose.replay.predict import model_of
from throughput.diagnose.rules import RULES
from throughput.errors import DamagedFile
from throughput.flows.ceilings import ceiling_of, read_ceilings
from throughput.flows.collectors import collector_states
from throughput.flows.experiments import notes_of, read_experiments, with_experiments
from throughput.flows.merge import mean_split, mean_throughput, merged_hotspots
from throughput.flows.nodes import Node, nodes_of
from throughput.flows.raw_files import FolderFiles
from throughput.flows.sources import read_sources
from throughput.flows.speed import throughput_of
from throughput.flows.stall import read_stall
from throughput.flows.trace_words import device_notes
from throughput.flows.useful import with_work
from throughput.model.finding import Facts, Finding, Rule, RuleResult
from throughput.model.report import Analysis, RankRow, ReplaySummary, Report, RunSummary
from throughput.model.run import Run, Window
from throughput.model.timeline import Counter, DataFiles, Step, Timeline
from throughput.model.work import Ceiling
from throughput.render.view import headline

RULE_GROUP = "throughput.rules"


def analyse(directory: RunDirectory) -> Analysis:
    """Return what a run directory's raw files say.

    Raises:
        UsageError: no run there.
        DamagedFile: its `run.json` or a file that everything hangs on is damaged.
    """
    run = directory.read_run()
    timelines = read_timelines(directory, run)
    run = _with_torch_facts(run, timelines)
    facts = tuple(_facts(run, timeline) for timeline in timelines)
    if facts:
        run = facts[0].run
    report = replace(build_report(run, facts), stall=read_stall(directory.raw, run, timelines))
    made = read_experiments(directory.path)
    notes = (*report.notes, *notes_of(made, report.findings))
    return Analysis(
        report=replace(report, findings=with_experiments(report.findings, made), notes=notes), facts=facts
    )


def read_timelines(directory: RunDirectory, run: Run) -> tuple[Timeline, ...]:
    """Return each rank's timeline.

    A rank that died leaves the others alone: what can't be read, and ranks without a step that counts where
    others have some, are left out; a note of the first of the others says so.

    Raises:
        DamagedFile: no rank can be read.
    """
    found: list[Timeline] = []
    notes: list[str] = []
    refused: DamagedFile | None = None
    for node in nodes_of(directory, run):
        context = _context(node)
        for folder in node.ranks:
            try:
                found.append(RankReader(FolderFiles(folder), context(folder)).timeline())
            except DamagedFile as error:
                refused = refused or error
                notes.append(f"{error.what} {folder.name} is left out.")
    if refused and not found:
        raise refused
    found.sort(key=lambda timeline: timeline.rank)
    notes += _missing(found)
    shown = [one for one in found if _kept(one)] or found
    if notes and shown:
        shown[0] = replace(shown[0], notes=(*shown[0].notes, *notes))
    return tuple(shown)


def _missing(found: Sequence[Timeline]) -> list[str]:
    """Return which ranks of a training the figures are not of, in sentences."""
    without = [str(one.rank) for one in found if not _kept(one)]
    size = found[0].facts.get("world_size") if found else None
    lines = []
    if 0 < len(without) < len(found):
        lines.append(f"Left out, for no step of it counts: rank {', '.join(without)}.")
    if isinstance(size, int) and size > len(found):
        lines.append(
            f"The training has {size:,} ranks, {len(found):,} of them are here: figures are of these."
        )
    return lines


def _kept(timeline: Timeline) -> list[Step]:
    return [s for s in timeline.steps if s.block.value not in ("warmup", "dropped")]


def _context(node: Node) -> Callable[[Path], Context]:
    """Return what is known of a rank beside its own files, given its folder."""
    sources, qualified = read_sources(node.raw, node.run.script_dir)
    clock = node.run.clock
    began, ended = clock.get("stacks_began_ns") or {}, clock.get("stacks_ended_ns") or {}
    counters, data_files = _counters(node.raw), _data_files(node.raw)

    def of(folder: Path) -> Context:
        return Context(
            rank=int(folder.name.rpartition("-")[2]),
            script_dir=node.run.script_dir,
            stacks_began_ns=began.get(folder.name),
            stacks_ended_ns=ended.get(folder.name),
            counters=counters,
            data_files=data_files,
            sources=sources,
            qualified=qualified,
        )

    return of


def _counters(raw: Path) -> tuple[Counter, ...]:
    """Return the counters of the host and the GPUs; none where a file is damaged."""
    files = FolderFiles(raw)
    names = files.names() if raw.is_dir() else ()
    host = files.open("counters.jsonl") if "counters.jsonl" in names else None
    gpu = files.open("gpu.jsonl") if "gpu.jsonl" in names else None
    try:
        return read_counters(host, gpu)
    except DamagedFile:
        return ()
    finally:
        for file in (host, gpu):
            if file is not None:
                file.close()


def _data_files(raw: Path) -> DataFiles | None:
    """Return which data files were seen; None where nobody looked, or the file is damaged."""
    files = FolderFiles(raw)
    if not raw.is_dir() or "data_files.json" not in files.names():
        return None
    try:
        with files.open("data_files.json") as file:
            return read_data_files(file)
    except DamagedFile:
        return None


def _with_torch_facts(run: Run, timelines: tuple[Timeline, ...]) -> Run:
    """Return the run with what the training process said of torch, its seeds, and its collectors."""
    if not timelines:
        return run
    facts = timelines[0].facts
    names = ("torch_version", "cuda_version", "cuda_available", "device_used", "device_name", "deterministic")
    environment = dict(run.environment) | {k: facts[k] for k in names if k in facts}
    environment["torch_num_threads"] = facts.get("num_threads")
    if "python" in facts:
        environment["python_version"] = facts["python"]
    rule = facts.get("step_rule")
    clean = sum(s.block.is_clean for s in timelines[0].steps)
    dropped = sum(s.block.value == "dropped" for s in timelines[0].steps)
    window = replace(run.window, step_rule=rule, clean=clean, dropped=dropped)
    return replace(
        run,
        environment=environment,
        seed=dict(facts.get("seeds") or {}),
        window=_counted(window, timelines[0]),
        collectors=collector_states(run.collectors, facts, timelines[0]),
    )


def _counted(window: Window, timeline: Timeline) -> Window:
    """Return the window with its kept and warm-up steps as the timeline has them."""
    kept = _kept(timeline)
    if not timeline.steps:
        return window
    seen = timeline.steps[-1].index
    warmup = kept[0].index - 1 if kept else seen
    return replace(window, kept=len(kept), warmup=warmup, dropped=seen - warmup - len(kept))


def _facts(run: Run, timeline: Timeline) -> Facts:
    attribution = attribute(timeline, {status.name: status for status in run.collectors})
    attribution = replace(attribution, memory=memory_of(timeline, run.environment))
    cost = attribution.overhead
    collectors = tuple(
        replace(status, overhead_ratio=cost.get(status.name) if status.state in ("ok", "partial") else None)
        for status in run.collectors
    )
    return Facts(run=replace(run, collectors=collectors), timeline=timeline, attribution=attribution)


def all_rules() -> tuple[Rule, ...]:
    """Return the built-in rules and those that other packages registered."""
    found: list[Rule] = list(RULES)
    for point in entry_points(group=RULE_GROUP):
        try:
            rule = point.load()
        except Exception:  # noqa: BLE001, S112 - a broken plug-in must not stop a report
            continue
        if isinstance(rule, Rule):
            found.append(rule)
    return tuple(found)


def build_report(run: Run, facts: tuple[Facts, ...]) -> Report:
    """Return the report of all ranks; findings are those of the ranks, the first of each rule and place."""
    results: tuple[RuleResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    rows = []
    for one in facts:
        answers, found = diagnose(one, all_rules())
        results = results or tuple(replace(a, finding=None) for a in answers)
        findings = (
            *findings,
            *(f for f in found if _named(f) not in {_named(g) for g in findings}),
        )
        rows.append(
            RankRow(
                rank=one.attribution.rank,
                host=str(one.timeline.facts.get("host") or ""),
                split=one.attribution.split,
                throughput=with_work(throughput_of(one.timeline), one.timeline, _ceiling(one)),
            )
        )
    ordered = sorted(findings, key=lambda f: -f.saves_ns_per_step)
    findings = tuple(replace(f, rank=n) for n, f in enumerate(ordered, 1))
    split = mean_split([one.attribution.split for one in facts])
    throughput = mean_throughput([row.throughput for row in rows])
    hotspots = merged_hotspots([one.attribution.hotspots for one in facts])
    devices = tuple(device for one in facts for device in one.attribution.devices)
    on_device = bool(facts and facts[0].timeline.facts.get("device_used"))
    first = facts[0] if facts else None
    ledger = ledger_of(first.run, first.timeline) if first else None
    return Report(
        headline=headline(
            split, throughput, hotspots, findings if facts else None, on_device, run.window.clean
        ),
        run=_run_summary(run),
        throughput=throughput,
        split=split,
        hotspots=hotspots,
        findings=findings,
        rules=results,
        ranks=tuple(rows),
        memory=first.attribution.memory if first else None,
        ledger=ledger.rows if ledger else None,
        goodput=ledger.goodput if ledger else None,
        startup_s=run.startup_s,
        first_batch_s=_first_batch_s(first),
        locks=first.attribution.locks if first else None,
        loader=first.attribution.loader if first else None,
        replay=_replay(first),
        modules=module_rows(first.timeline, _ceiling(first)) or None if first else None,
        regions=first.attribution.regions or None if first else None,
        devices=devices,
        notes=(
            *run.notes,
            *(first.timeline.notes if first else ()),
            *device_notes(devices),
            *_loader_notes(first),
        ),
        end=run.end,
    )


def _run_summary(run: Run) -> RunSummary:
    """Return what a report says of its run."""
    return RunSummary(
        run_id=run.run_id,
        tool_version=run.tool_version,
        command=run.command,
        started_at=run.started_at,
        window=run.window,
        environment=run.environment,
        script_exit_code=run.script_exit_code,
        collectors=run.collectors,
        ended=run.ended,
    )


def _ceiling(facts: Facts) -> Ceiling | None:
    """Return the most that what computed can do, as its vendor says or as it was measured here."""
    timeline = facts.timeline
    return ceiling_of(timeline.work, facts.run.environment, timeline.facts, read_ceilings())


def _named(finding: Finding) -> tuple[object, ...]:
    """Return what makes findings of two ranks the same: rule and place; without a place, what they say."""
    return finding.rule, finding.where or finding.title


def _replay(facts: Facts | None) -> ReplaySummary | None:
    """Return how good a replay of the run is, and what loader settings would give; None without one."""
    model = model_of(facts) if facts else None
    return summary(facts, model) if facts and model else None


def _loader_notes(facts: Facts | None) -> tuple[str, ...]:
    """Return what must be said where the window's reads were not what longer runs will have."""
    loader = facts.attribution.loader if facts else None
    note = flattery(loader.reads) if loader and loader.reads else None
    return (note,) if note else ()


def _first_batch_s(facts: Facts | None) -> float | None:
    """Return how long the training thread waited for its first batch."""
    if facts is None or not len(facts.timeline.batches.wanted_ns):
        return None
    batches = facts.timeline.batches
    return float(batches.consumed_ns[0] - batches.wanted_ns[0]) / 1e9
