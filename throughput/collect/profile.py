"""Run a script under all collectors, from its start to a complete run directory."""

from __future__ import annotations

import datetime as dt
import os
import platform
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from throughput.collect.child import Child, child_environment
from throughput.collect.code_state import code_state
from throughput.collect.ends import end_of, oom_kills, read_signs
from throughput.collect.environment import environment
from throughput.collect.gpu import GpuSampler
from throughput.collect.host import HostSampler
from throughput.collect.live_page import LivePage
from throughput.collect.options import ALWAYS, ProfileOptions, check
from throughput.collect.run_directory import RunDirectory, new_run_directory
from throughput.collect.secrets import mask_arguments
from throughput.collect.sources import store_sources
from throughput.collect.syscalls import SyscallSampler
from throughput.collect.watch import Outcome, Progress, Watcher, WatchOptions
from throughput.errors import UsageError
from throughput.model.run import CollectorStatus, End, Run, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

OFF = "not asked for"
ROUGH = "lines are rough, since this sampler gets its turn where the interpreter lets go of the GIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears of a profile while it runs."""

    relay: Callable[[str, bytes], None]
    """Gets the script's output: the stream's name and the bytes."""
    progress: Callable[[Progress], None]


@dataclass(slots=True)
class _Samplers:
    """The samplers that run in the parent."""

    directory: RunDirectory
    chosen: tuple[str, ...]
    child_pid: int
    host: HostSampler | None = None
    gpu: GpuSampler | None = None
    syscalls: dict[int, SyscallSampler] = field(default_factory=dict)
    pids: frozenset[int] = frozenset()

    def start(self) -> None:
        """Begin what is asked for."""
        if "host" in self.chosen:
            self.host = HostSampler(self.child_pid, self.directory.raw / "counters.jsonl")
            self.host.start()
        if "gpu" in self.chosen:
            self.gpu = GpuSampler(self.directory.raw / "gpu.jsonl", lambda: self.pids)
            self.gpu.start()

    def stop(self) -> None:
        """End all; their files are whole then."""
        for sampler in (self.host, self.gpu, *self.syscalls.values()):
            if sampler is not None:
                sampler.stop()

    def statuses(self) -> list[CollectorStatus]:
        """Return how each went."""
        found = [s.status() for s in (self.host, self.gpu) if s is not None]
        if self.syscalls:
            found.append(next(iter(self.syscalls.values())).status())
        return found


def collect(options: ProfileOptions, listener: Listener, version: str) -> tuple[RunDirectory, Run]:
    """Profile a script; return its run directory and run, whatever became of the script.

    Raises:
        UsageError: there is nothing to run, or nowhere to write.
    """
    if platform.system() != "Linux":
        raise UsageError(
            f"Profiling needs Linux's /proc; on {platform.system()} throughput reads and compares runs.",
            hint="Profile on Linux, then `throughput report RUN` works here.",
        )
    check(options)
    command = options.command()
    started = dt.datetime.now(dt.timezone.utc)
    directory = new_run_directory(options.out, options.name, started.astimezone())
    environ = {**os.environ, **options.variables}
    told = {**options.in_process(), "parent": os.getpid()}
    variables = child_environment(directory.raw, told, environ)
    run = Run(
        run_id=directory.path.name,
        tool_version=version,
        command=mask_arguments(command),
        script=options.script or options.module,
        script_dir=options.script_dir,
        cwd=str(options.folder),
        started_at=started.isoformat(timespec="seconds"),
        options=_stored_options(options),
        window=Window(asked=options.steps),
        environment=environment(command[0], environ),
        code=code_state(options.folder / options.script if options.script else None, options.folder),
    )
    clock: dict[str, Any] = {"monotonic_ns": time.monotonic_ns(), "wall_ns": time.time_ns()}
    directory.write_run(replace(run, ended="unfinished", clock=clock))
    kills = oom_kills()
    outcome, statuses = _run_child(list(command), variables, directory, options, listener)
    run = replace(run, script_dir=_own_folder(directory, options))
    store_sources(directory.raw, run.script_dir)
    run = _finished(run, outcome, statuses, options)
    run = replace(run, end=_end(outcome, directory, run.script_dir, kills))
    run = replace(run, clock={**clock, **outcome.child, **_stacks_times(outcome)})
    directory.write_run(run)
    return directory, run


def _stored_options(options: ProfileOptions) -> dict[str, Any]:
    return {
        "script": options.script,
        "module": options.module,
        "arguments": list(mask_arguments(options.arguments)),
        "steps": options.steps,
        "warmup": options.warmup,
        "collectors": list(options.collectors),
        "stacks": options.stacks,
        "marker": options.marker,
        "unit": list(options.unit),
    }


def _run_child(
    command: list[str],
    variables: dict[str, str],
    directory: RunDirectory,
    options: ProfileOptions,
    listener: Listener,
) -> tuple[Outcome, list[CollectorStatus]]:
    child = Child(command, variables, listener.relay, options.cwd)
    samplers = _Samplers(directory, options.collectors, child.pid)
    watcher = Watcher(
        child,
        directory,
        WatchOptions(
            stacks=options.stacks if "stacks" in options.collectors else "off",
            max_seconds=options.max_seconds,
            stall_s=options.stall_s,
            run_to_end=options.run_to_end,
        ),
        listener.progress,
    )
    watcher.on_pids = lambda pids: _follow(samplers, pids)
    with _interrupts(watcher):
        samplers.start()
        try:
            outcome = watcher.run()
        finally:
            child.end()
            samplers.stop()
            child.write_log(directory.raw / "output.log")
    return outcome, samplers.statuses()


def _follow(samplers: _Samplers, pids: set[int]) -> None:
    """Watch the training processes that were found: their threads' system calls."""
    samplers.pids = frozenset(pids)
    if "syscalls" not in samplers.chosen:
        return
    for rank in samplers.directory.ranks():
        pid = _pid_of(rank)
        if pid in pids and pid not in samplers.syscalls:
            sampler = SyscallSampler(pid, rank / f"syscalls-{pid}.i64")
            samplers.syscalls[pid] = sampler
            sampler.start()


def _pid_of(rank: Path) -> int:
    page = LivePage.open(rank)
    return page.get("pid") if page is not None else 0


@contextmanager
def _interrupts(watcher: Watcher) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into an orderly end while the script runs."""
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            before[number] = signal.signal(number, lambda got, _: watcher.interrupt(got))
        except ValueError:  # not in the main thread: whoever called us has the signals
            break
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _finished(run: Run, outcome: Outcome, statuses: list[CollectorStatus], options: ProfileOptions) -> Run:
    """Return the run with what is known at its end."""
    known = {status.name: status for status in statuses}
    for rank in outcome.ranks[:1]:
        if rank.status is not None:
            known["stacks"] = rank.status
    ranks = bool(outcome.ranks)
    if ranks and options.stacks == "in-process" and "stacks" in options.collectors:
        known["stacks"] = CollectorStatus(
            name="stacks", state="ok", reason=f"sampled in process, as asked: {ROUGH}"
        )
    for name in options.collectors:
        if name not in known:
            state, reason = ("ok", None) if ranks else ("unavailable", "no process trained")
            known[name] = CollectorStatus(name=name, state=state, reason=reason)
    for name in set(ALWAYS) | {"stacks", "locks", "syscalls", "torch", "cprofile", "host", "gpu"}:
        known.setdefault(name, CollectorStatus(name=name, state="off", reason=OFF))
    page = outcome.ranks[0].page if outcome.ranks else None
    return replace(
        run,
        window=replace(
            run.window,
            kept=page.get("kept") if page else 0,
            warmup=page.get("warmup_steps") if page else 0,
        ),
        collectors=tuple(known[name] for name in sorted(known)),
        script_exit_code=outcome.exit_code,
        ended=outcome.ended,
        notes=(*_never_stepped(outcome, options), *outcome.notes),
        wall_s=outcome.wall_s,
        startup_s=outcome.startup_s,
    )


def _end(outcome: Outcome, directory: RunDirectory, script_dir: str, kills: int | None) -> End | None:
    """Return how the script ended where that was neither as it should nor our doing."""
    if outcome.ended == "interrupted" and outcome.signal == signal.SIGTERM:
        sentence = "throughput got SIGTERM, as a scheduler sends it at the end of a job's time."
        return End(kind="terminated", sentence=sentence)
    if outcome.ended not in ("crashed", "never_stepped"):
        return None
    return end_of(read_signs(directory.raw, outcome.exit_code, kills, script_dir))


def _never_stepped(outcome: Outcome, options: ProfileOptions) -> tuple[str, ...]:
    """Return what was looked for in a script that took no step, and what the user can do."""
    if outcome.ended != "never_stepped":
        return ()
    if options.marker:
        what = f"No step was seen: {options.marker}, which --marker names, was never called."
        return (f"{what} Write it as function, Class.method or package.module.function.",)
    what = "No step was seen: no optimizer step, no backward call, not even 50 batches of a DataLoader."
    return (f"{what} Name a function that is called once a step with --marker NAME.",)


def _own_folder(directory: RunDirectory, options: ProfileOptions) -> str:
    """Return the folder of own code: of a module or command, that of the file that trained."""
    folder = options.script_dir
    if options.script is None:
        for notes in sorted(directory.raw.glob("rank-*/notes-*.jsonl")):
            for line in notes.read_bytes().splitlines()[:200]:
                if b'"training"' in line and b'"main"' in line:
                    main = _main_of(line)
                    inside = main is None or (
                        Path(folder) in Path(main).parents and "site-packages" not in main
                    )
                    return folder if main is None or inside else str(Path(main).parent)
    return folder


def _main_of(line: bytes) -> str | None:
    try:
        main = msgspec.json.decode(line).get("main")
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return None
    return main if isinstance(main, str) else None


def _stacks_times(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Return when py-spy began and ended to sample, of each rank that it sampled."""
    samplers = {rank.folder.name: rank.sampler for rank in outcome.ranks if rank.sampler is not None}
    ended = {name: sampler.ended_ns for name, sampler in samplers.items() if sampler.ended_ns is not None}
    began = {name: sampler.began_ns for name, sampler in samplers.items()}
    return {"stacks_began_ns": began, "stacks_ended_ns": ended}
