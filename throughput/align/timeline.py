"""Assemble one rank's Timeline from its raw files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

import numpy as np

from throughput.align.amounts import placed_breaks, read_amounts
from throughput.align.batches import read_batches, read_loaders, read_padding, read_slow_samples
from throughput.align.calls import read_calls
from throughput.align.collectives import collective_facts
from throughput.align.device_calls import placed_calls
from throughput.align.device_trace import work_of
from throughput.align.disturbance import without_disturbed
from throughput.align.events import Events, Kind, read_events
from throughput.align.frames import FrameReader
from throughput.align.kept import read_kept, read_tensors
from throughput.align.lock_waits import read_lock_waits, read_locks
from throughput.align.notes import Notes, read_notes
from throughput.align.pyspy import read_pyspy
from throughput.align.samples import AGREEMENT_MIN, StackTable, from_inprocess, from_pyspy
from throughput.align.spans import life_of, read_spans
from throughput.align.stall import awaited_worker, read_long_waits
from throughput.align.steps import read_regions, read_segments, read_steps, training_thread
from throughput.align.syscalls import read_syscalls
from throughput.align.threads import Tracks
from throughput.align.torch_trace import Trace, load_trace, operators_of, training_tid
from throughput.align.trace_file import read_trace
from throughput.align.trace_timeline import live_trace
from throughput.align.work import read_work, shaped_steps
from throughput.errors import DamagedFile
from throughput.model.category import Block
from throughput.model.timeline import (
    BlockedSamples,
    Call,
    Counter,
    DataFiles,
    DeviceWork,
    LongWait,
    Operators,
    Pause,
    Samples,
    Segments,
    Step,
    Timeline,
)
from throughput.model.trace import RankTrace
from throughput.model.work import Work

PAUSE_KINDS = ("gc", "gc2", "compile")


class RankFiles(Protocol):
    """A rank's raw files: their names, and a way to open one for reading."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the files that are there."""

    def open(self, name: str) -> BinaryIO:
        """Open one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a reader needs beside the rank's own files."""

    rank: int
    script_dir: str
    stacks_began_ns: int | None = None
    stacks_ended_ns: int | None = None
    counters: tuple[Counter, ...] = ()
    data_files: DataFiles | None = None
    sources: dict[str, dict[int, str]] = field(default_factory=dict)
    qualified: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Process:
    pid: int
    events: Events
    notes: Notes
    stacks: dict[int, int] = field(default_factory=dict)
    """The process's own stack numbers -> ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traced:
    """What a torch.profiler trace shows: operators, device work, and totals of it for rules."""

    operators: Operators = field(default_factory=Operators)
    device_work: DeviceWork = field(default_factory=DeviceWork)
    facts: dict[str, Any] = field(default_factory=dict)
    """`device`: totals for rules; `collectives`: how many a step, and their bytes."""
    device: RankTrace | None = None
    """The block's steps with all of the trace, where a device worked in them; on the trace's own clock."""


class RankReader:
    """Reads one rank; `timeline` returns it whole."""

    def __init__(self, files: RankFiles, context: Context) -> None:
        self.files = files
        self.names = dict.fromkeys(files.names())
        self.context = context
        self.remarks: list[str] = []
        self.reader = FrameReader(context.script_dir, context.qualified)
        self.table = StackTable()
        self.processes = [self._read_process(pid) for pid in self._pids()]
        self.main = next((p for p in self.processes if p.notes.first("training")), None)
        self.thread = training_thread(self.main.events, self.main.notes) if self.main else 0
        workers = {p.pid: int(n["worker"]) for p in self.processes if (n := p.notes.first("worker"))}
        self.tracks = Tracks(context.rank, (self.main.pid if self.main else 0, self.thread), workers)
        for process in self.processes:
            for note in process.notes.of("thread"):
                name = (str(note.get("name") or ""), note.get("native_id"))
                self.tracks.names.setdefault((process.pid, int(note["tid"])), name)
        self.main_track = self.tracks.number(*self.tracks.training)

    def _pids(self) -> list[int]:
        found = (re.fullmatch(r"events-(\d+)\.i64", name) for name in self.names)
        return sorted(int(match.group(1)) for match in found if match)

    def _read_process(self, pid: int) -> _Process:
        with self.files.open(f"events-{pid}.i64") as file:
            events = read_events(file)
        more = self._optional(f"steps-{pid}.i64", read_events, None)
        events = events if more is None else events.joined(more)
        notes = Notes([])
        if f"notes-{pid}.jsonl" in self.names:
            with self.files.open(f"notes-{pid}.jsonl") as file:
                notes = read_notes(file)
        process = _Process(pid, events, notes)
        for note in notes.of("stack"):
            raw = ((str(f[0]), str(f[1]), int(f[2] or 0)) for f in note["frames"])
            process.stacks[int(note["id"])] = self.table.add(self.reader.stack(raw))
        return process

    def _optional(self, name: str, read: Callable[[BinaryIO], Any], instead: Any) -> Any:
        """Return what a reader makes of a file; `instead` where it is missing or damaged, with a remark."""
        if name not in self.names:
            return instead
        try:
            with self.files.open(name) as file:
                return read(file)
        except DamagedFile as error:
            self.remarks.append(f"{error.what} It is left out.")
            return instead

    def timeline(self) -> Timeline:
        """Return the rank's timeline; without a training process it has no steps."""
        main = self.main
        if main is None:
            return Timeline(rank=self.context.rank, steps=(), tracks=tuple(self.tracks.found))
        steps, remarks = read_steps(main.events, main.notes)
        segments = read_segments(main.events, self.thread)
        steps, disturbed = without_disturbed(steps, segments)
        remarks += disturbed
        samples = self._samples(segments)
        waits = read_lock_waits(
            [(p.pid, p.events, p.notes, p.stacks) for p in self.processes],
            self.tracks,
            self.reader,
            self.context.sources,
        )
        blocked = self._blocked()
        traced = self._torch(steps)
        tables = self._call_tables()
        work = self._work(steps)
        return Timeline(
            rank=self.context.rank,
            steps=steps,
            tracks=tuple(self.tracks.found),
            segments=segments,
            stacks=self.table.done(),
            samples=samples,
            lock_waits=waits,
            long_waits=self._long_waits(),
            blocked=blocked,
            batches=read_batches(main.events, self._workers()),
            loaders=read_loaders(main.events, main.notes),
            slow_samples=read_slow_samples(main.events, self._workers()),
            operators=traced.operators,
            device_work=traced.device_work,
            device_trace=traced.device,
            calls=tuple(call for table in tables for call in table),
            pauses=self._pauses(),
            spans=read_spans(main.events, main.notes, main.stacks, self.table.done(), self.thread),
            counters=self.context.counters,
            data_files=self.context.data_files,
            sources=self.context.sources,
            facts=self._facts()
            | self._device_facts(traced)
            | {"worker_batches": [t[0].fetches for t in tables if t]},
            main_track=self.main_track,
            window_ns=_window(steps),
            notes=(*remarks, *self.remarks, *(str(n.get("text")) for n in main.notes.of("note"))),
            regions=read_regions(main.notes),
            work=work,
            padding=read_padding(p.events for p in self.processes),
            kept=read_kept(main.notes, self.reader),
            tensors=read_tensors(main.notes),
        )

    def _samples(self, segments: Segments) -> Samples:
        began = self.context.stacks_began_ns
        if "stacks.json" in self.names and began is not None:
            raw = self._optional("stacks.json", read_pyspy, None)
            if raw is not None and len(raw.pid):
                span = (began, self.context.stacks_ended_ns)
                samples, agreement = from_pyspy(raw, self.reader, self.table, self.tracks, segments, span)
                if agreement < AGREEMENT_MIN:
                    self.remarks.append(
                        f"Stacks and timers agree for {agreement:.0%} of samples only: "
                        "shares from stacks are rough."
                    )
                return samples
        return from_inprocess([(p.pid, p.events, p.stacks) for p in self.processes], self.table, self.tracks)

    def _long_waits(self) -> tuple[LongWait, ...]:
        """Return who waited for a lock when its process was last heard of; mostly nobody."""
        waiting = [p for p in self.processes if p.notes.first("long_wait")]
        if not waiting:
            return ()
        every = [(p.pid, p.events, p.notes, p.stacks) for p in self.processes]
        locks = read_locks(every, self.reader, self.context.sources)
        return tuple(wait for p in waiting for wait in read_long_waits(p.pid, p.notes, locks[p.pid]))

    def _workers(self) -> list[tuple[int, int, Events]]:
        found = []
        for process in self.processes:
            note = process.notes.first("worker")
            if note:
                found.append((int(note["worker"]), int(note.get("loader", -1)), process.events))
        return found

    def _blocked(self) -> BlockedSamples:
        native = {
            t.native_id: number for number, t in enumerate(self.tracks.found) if t.native_id is not None
        }
        parts = []
        for name in self.names:
            if re.fullmatch(r"syscalls-\d+\.i64", name):
                raw = self._optional(name, read_syscalls, None)
                if raw is not None:
                    parts.append(raw)
        columns = {
            name: _joined([getattr(part, name) for part in parts])
            for name in ("time_ns", "weight_ns", "kind", "address")
        }
        tids = _joined([part.native_id for part in parts])
        track = np.array([native.get(int(tid), -1) for tid in tids], dtype=np.int64)
        return BlockedSamples(track=track, **columns)

    def _torch(self, steps: tuple[Step, ...]) -> _Traced:
        """Return what the torch block's trace shows."""
        main = self.main
        assert main is not None
        anchors = [a for a in main.notes.of("anchor") if "monotonic" in a and "wall" in a]
        trace: Trace | None = self._optional("torch-trace.json.gz", load_trace, None) if anchors else None
        if trace is None:
            return _Traced()
        shift = int(anchors[0]["monotonic"]) - int(anchors[0]["wall"])
        thread = training_tid(trace, self.tracks.found[self.main_track].native_id)
        block = [s for s in steps if s.block is Block.TORCH]
        base = trace.baseTimeNanoseconds + shift
        facts: dict[str, Any] = {}
        if block:
            edges = [(ns - base) / 1e3 for ns in (*(s.start_ns for s in block), block[-1].end_ns)]
            facts["collectives"] = collective_facts(trace, edges)
        work = work_of(trace, shift)
        device = self._device(block, base) if len(work.kind) else None
        return _Traced(
            operators=operators_of(trace, shift, thread), device_work=work, facts=facts, device=device
        )

    def _device_facts(self, traced: _Traced) -> dict[str, Any]:
        """Return what the trace says for rules, with the lines that the light timers know."""
        if traced.device is None:
            return traced.facts
        assert self.main is not None
        told = traced.device.timeline.facts["device"]
        calls = self.main.notes.of("device_call")
        return traced.facts | {"device": placed_calls(told, calls, self.main.stacks, self.table.done())}

    def _device(self, block: Sequence[Step], base_ns: int) -> RankTrace | None:
        """Return the trace of the block's steps; None where no device worked in them."""
        name = "torch-trace.json.gz"
        events = self._optional(name, lambda file: read_trace(file, name), None)
        if events is None or not block:
            return None
        steps = [replace(s, start_ns=s.start_ns - base_ns, end_ns=s.end_ns - base_ns) for s in block]
        native = self.tracks.found[self.main_track].native_id
        trace = live_trace(events, steps, native, self.context.rank)
        return trace if "device" in trace.timeline.facts else None

    def _work(self, steps: tuple[Step, ...]) -> Work:
        """Return the useful work that the steps with shapes show."""
        main = self.main
        assert main is not None
        anchors = list(main.notes.of("anchor"))
        shaped = shaped_steps(steps, anchors)
        trace: Trace | None = self._optional("shapes-trace.json.gz", load_trace, None) if shaped else None
        if trace is None:
            return Work()
        return read_work(trace, shaped, int(anchors[0]["monotonic"]) - int(anchors[0]["wall"]))

    def _call_tables(self) -> list[tuple[Call, ...]]:
        """Return what each counted thread or worker called."""
        names = [n for n in self.names if re.fullmatch(r"calls-\d+-\d+\.json", n)]
        return [self._optional(name, lambda file: read_calls(file, self.reader), ()) for name in names]

    def _pauses(self) -> tuple[Pause, ...]:
        assert self.main is not None
        rows = self.main.events.of(Kind.PAUSE)
        rows = rows[rows[:, 0] == self.thread]
        return tuple(
            Pause(kind=PAUSE_KINDS[int(r[3])], start_ns=int(r[1]), end_ns=int(r[2]))
            for r in rows
            if 0 <= r[3] < len(PAUSE_KINDS)
        )

    def _facts(self) -> dict[str, Any]:
        assert self.main is not None
        notes = self.main.notes
        facts = {k: v for k, v in notes.first("facts").items() if k != "kind"}
        stopped = notes.first("stopped") or notes.first("window")
        facts.setdefault("step_rule", stopped.get("rule"))
        facts["missing"] = [dict(n) for n in notes.of("patch")]
        facts["collectors"] = [dict(n) for n in notes.of("collector")]
        facts["world_size"] = notes.first("distributed").get("world_size")
        facts["host"] = notes.first("training").get("host")
        facts["modules"] = notes.first("modules").get("files")
        facts["compile"] = placed_breaks(facts.get("compile"), self.reader)
        facts["amounts"] = read_amounts([process.notes for process in self.processes])
        facts["instructions"] = next(reversed([*notes.of("instructions")]), None)
        facts["pid"] = self.main.pid
        facts["life"] = life_of(notes)
        facts["workers"] = self.tracks.workers
        facts["awaited"] = awaited_worker(self.main.events)
        losses = notes.first("losses").get("values", ())
        facts["losses"] = [math.nan if loss is None else loss for loss in losses]
        facts["knobs"] = [str(note["name"]) for note in notes.of("knob")]
        return facts


def _worker_batches(tables: Sequence[tuple[Call, ...]]) -> dict[str, Any]:
    return {"worker_batches": [table[0].fetches for table in tables if table]}


def _joined(
    parts: list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _window(steps: tuple[Step, ...]) -> tuple[int, int]:
    kept = [s for s in steps if s.block.is_clean]
    return (kept[0].start_ns, kept[-1].end_ns) if kept else (0, 0)
