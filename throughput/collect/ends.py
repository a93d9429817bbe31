"""Say how a script ended that we did not end: an exception, a signal, no memory; with the evidence."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from throughput import units
from throughput.collect.cgroups import cgroups_of, read_text
from throughput.collect.secrets import mask
from throughput.model.place import legible, place_of
from throughput.model.run import End

OUTPUT_BYTES = 200_000
"""Of the output's end: a traceback of several ranks, each with its workers', fits."""
MESSAGE_CHARACTERS = 200
STACK_LINES = 6
RANK = re.compile(r"^\[rank\d+\]: ?", re.MULTILINE)
"""What torch puts before each line of a rank's traceback."""
FILE = re.compile(r'^\s+File "([^"]*)", line (\d+)(?:, in (.+)|)$')
FAULT = re.compile(r'^\s+File "([^"]*)", line (\d+) in (.+)$')
LAST_WORDS = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Timeout)\b.*$", re.MULTILINE)
WORKER = re.compile(
    r"DataLoader worker \(pid(?:\(s\))?[^)]*\) (?:is killed by signal: ([\w ]+)|exited unexpectedly)"
)
LAUNCHED = re.compile(r"exitcode\s*:\s*-(\d+)")
"""What torchrun says of a rank that a signal ended."""
SHM = re.compile(r"(?i)insufficient shared memory|out of shared memory|/dev/shm|allocate shared memory")
DEVICE_MEMORY = re.compile(
    r"OutOfMemoryError|(?:CUDA|HIP|XPU) (?:error: )?out of memory|cudaErrorMemoryAllocation"
)
HOST_MEMORY = re.compile(r"(?m)^MemoryError\b|can't allocate memory|Cannot allocate memory|bad_alloc")
NAMES = {
    "Killed": signal.SIGKILL,
    "Segmentation fault": signal.SIGSEGV,
    "Bus error": signal.SIGBUS,
    "Terminated": signal.SIGTERM,
    "Aborted": signal.SIGABRT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What is known of an end."""

    exit_code: int | None
    output: str = ""
    """The last part of what the script printed."""
    faults: str = ""
    """What Python's faulthandler wrote."""
    oom_kills: int | None = None
    """How often the kernel killed for want of memory meanwhile; None unknown."""
    memory_limit: int | None = None
    shm_bytes: int | None = None
    """The size of /dev/shm."""
    script_dir: str = ""


def oom_kills() -> int | None:
    """Return how often the kernel has killed for want of memory: in our group, else on the machine."""
    names = ("memory.events", "memory.oom_control")
    files = [folder / name for folder in cgroups_of().memory for name in names]
    for file in (*files, Path("/proc/vmstat")):
        match = re.search(r"^oom_kill (\d+)$", read_text(file), re.MULTILINE)
        if match:
            return int(match[1])
    return None


def read_signs(raw: Path, exit_code: int | None, kills_before: int | None, script_dir: str) -> Signs:
    """Return what a run's raw files and the kernel say of its end."""
    now = oom_kills()
    return Signs(
        exit_code=exit_code,
        output=_tail(raw / "output.log"),
        faults=_tail(raw / "faults.txt"),
        oom_kills=None if now is None or kills_before is None else now - kills_before,
        memory_limit=cgroups_of().memory_limit(),
        shm_bytes=_shm_bytes(),
        script_dir=script_dir,
    )


def _tail(file: Path) -> str:
    try:
        data = file.read_bytes()[-OUTPUT_BYTES:]
    except OSError:
        return ""
    return RANK.sub("", data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))


def _shm_bytes() -> int | None:
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - its size is what matters
    except OSError:
        return None
    return found.f_blocks * found.f_frsize


def end_of(signs: Signs) -> End | None:
    """Return what an end was; None where the script ended with 0."""
    if signs.exit_code in (0, None):
        return None
    worker = WORKER.search(signs.output)
    number = _signal_of(signs, worker)
    who = "A DataLoader worker" if worker else "The script"
    return (
        _out_of_memory(signs, number, who)
        or _shared_memory(signs, number, who)
        or _device_memory(signs)
        or _by_signal(signs, number, who)
        or _exception(signs)
    )


def _signal_of(signs: Signs, worker: re.Match[str] | None) -> int:
    """Return the signal that ended the script, a worker or a rank; 0 without one."""
    code = signs.exit_code or 0
    if code < 0:
        return -code
    if worker:
        return int(NAMES.get((worker[1] or "").strip(), 0))
    launched = LAUNCHED.search(signs.output)
    if launched:
        return int(launched[1])
    # A shell gives a signal as 128 more; 129 to 159 are nothing that Python ends with by itself.
    return code - 128 if 128 < code < 160 else 0


def _out_of_memory(signs: Signs, number: int, who: str) -> End | None:
    refused = HOST_MEMORY.search(signs.output)
    killed = bool(signs.oom_kills) and (number == signal.SIGKILL or bool(WORKER.search(signs.output)))
    if not killed and not refused:
        return None
    evidence = []
    if signs.oom_kills:
        evidence.append(f"the kernel's count of out-of-memory kills rose by {signs.oom_kills}")
    if signs.memory_limit:
        evidence.append(f"the memory limit is {units.size(signs.memory_limit)}")
    if killed:
        sentence = f"{who} was ended by the kernel's out-of-memory killer."
    else:
        sentence = "The script ran out of memory: an allocation was refused."
        evidence += _words(signs)
    return End(kind="out_of_memory", sentence=sentence, evidence=tuple(evidence))


def _shared_memory(signs: Signs, number: int, who: str) -> End | None:
    full = SHM.search(signs.output) and ("No space left" in signs.output or number == signal.SIGBUS)
    if not full and not (number == signal.SIGBUS and WORKER.search(signs.output)):
        return None
    size = units.NOT_MEASURED if signs.shm_bytes is None else units.size(signs.shm_bytes)
    evidence = [f"{size} is the size of /dev/shm: batches of workers lie there", *_words(signs)]
    return End(
        kind="shared_memory_full",
        sentence=f"{who} found /dev/shm full: mount a larger one (--shm-size) or use fewer workers.",
        evidence=tuple(evidence),
    )


def _device_memory(signs: Signs) -> End | None:
    if not DEVICE_MEMORY.search(signs.output):
        return None
    at = _place(signs)
    return End(
        kind="device_out_of_memory",
        sentence=f"The device ran out of memory{f', in {at}' if at else ''}.",
        evidence=tuple(_words(signs)),
    )


def _by_signal(signs: Signs, number: int, who: str) -> End | None:
    if number <= 0:
        return None
    name = _name(number)
    if number == signal.SIGTERM:
        sentence = f"{who} got SIGTERM, as a scheduler sends it at the end of a job's time."
        return End(kind="terminated", sentence=sentence, evidence=(_code(signs),))
    if number == signal.SIGKILL:
        known = "not known" if signs.oom_kills is None else "none"
        sentence = f"{who} was killed (SIGKILL) by somebody else."
        return End(
            kind="killed",
            sentence=sentence,
            evidence=(_code(signs), f"out-of-memory kills that the kernel counted meanwhile: {known}"),
        )
    place, stack = _fault_stack(signs)
    at = f", in {place}" if place else ""
    kind = "segfault" if number == signal.SIGSEGV else "signal"
    return End(kind=kind, sentence=f"{who} crashed with {name}{at}.", evidence=(_code(signs), *stack))


def _exception(signs: Signs) -> End:
    words = _words(signs)
    if not words:
        return End(
            kind="exit_code", sentence=f"The script ended with {_code(signs)} and showed no exception."
        )
    at = _place(signs)
    return End(
        kind="exception",
        sentence=f"The script raised {words[0].rstrip('.')}{f', in {at}' if at else ''}.",
        evidence=(_code(signs),),
    )


def _code(signs: Signs) -> str:
    return f"exit code {signs.exit_code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _traceback(output: str) -> list[str]:
    """Return the lines of the last traceback, its last line the exception; what follows it is left out."""
    lines = output.splitlines()
    begins = [n for n, line in enumerate(lines) if line.endswith("Traceback (most recent call last):")]
    if not begins:
        return []
    found = []
    for line in lines[begins[-1] + 1 :]:
        found.append(line)
        if line.strip() and not line[0].isspace():
            break
    return found


def _words(signs: Signs) -> list[str]:
    """Return the exception as Python printed it, cut and masked, as a list of at most one."""
    lines = _traceback(signs.output)
    last = lines[-1] if lines and not lines[-1][:1].isspace() else ""
    if not last:  # a syntax error has no traceback
        found = LAST_WORDS.findall(signs.output)
        last = found[-1] if found else ""
    words = mask(legible(" ".join(last.split())))
    if len(words) > MESSAGE_CHARACTERS:
        words = words[: MESSAGE_CHARACTERS - 1] + "…"
    return [words] if words else []


def _place(signs: Signs) -> str:
    """Return "train.py:37 in fail_at": the innermost own line of the last traceback, "" without one."""
    frames = [match for line in _traceback(signs.output) if (match := FILE.match(line))]
    return _innermost(frames, signs.script_dir)


def _innermost(frames: list[re.Match[str]], script_dir: str) -> str:
    shown = [(place_of(match[1], script_dir), match) for match in frames]
    own = [row for row in shown if row[0][2]] or shown
    if not own:
        return ""
    (file, _, _), match = own[-1]
    return f"{match[3] or '<module>'} {file}:{match[2]}"


def _fault_stack(signs: Signs) -> tuple[str, list[str]]:
    """Return the innermost own line of the thread that crashed, and its lines, the innermost first."""
    _, _, last = signs.faults.rpartition("Fatal Python error:")
    _, _, current = last.partition("Current thread")
    frames: list[tuple[bool, str]] = []
    for line in current.splitlines()[1:]:
        match = FAULT.match(line)
        if not match:
            break
        file, _, own = place_of(match[1], signs.script_dir)
        frames.append((own, f"{match[3]} {file}:{match[2]}"))
    shown = [words for _, words in frames]
    return next((words for own, words in frames if own), shown[0] if shown else ""), shown[:STACK_LINES]
