"""Look at the threads of processes that don't move: Python's stacks by py-spy, and what the kernel says.

Raw file `stall.json`: {"t" (CLOCK_MONOTONIC ns), "step" (under way, or null), "pid", "processes": [{"pid",
"refused" (why there are no stacks, or null), "threads": [{"tid", "native_id", "name", "frames": [[function,
file, line], ...] outermost first}], "tasks": [{"native_id", "name", "doing" (of model.timeline.KINDS), "in"
(where in the kernel, "" unknown)}]}]}. `stall.txt` is the same to read.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from throughput.collect.blocked_on import Reader
from throughput.collect.cgroups import read_text
from throughput.collect.pyspy import REFUSED, REMEDY, find_pyspy
from throughput.model.timeline import KINDS

PROCESSES_MAX = 64
TASKS_MAX = 256
LOOK_S = 20.0
LOOKS = 2
"""A nonblocking look can meet a stack that changes; the next one rarely does."""

Process = dict[str, Any]


def look_at(pids: Iterable[int]) -> list[Process]:
    """Return what the threads of these processes are in now; those that have ended are left out."""
    found = [_look(pid) for pid in sorted(pids)[:PROCESSES_MAX]]
    return [process for process in found if process["tasks"]]


def _look(pid: int) -> Process:
    threads: list[dict[str, Any]] = []
    refused: str | None = None
    for _ in range(LOOKS):
        threads, refused = _stacks(pid)
        if threads:
            break
    return {"pid": pid, "refused": refused, "threads": threads, "tasks": _tasks(pid)}


def _stacks(pid: int) -> tuple[list[dict[str, Any]], str | None]:
    """Return the Python stacks of a process, or why there are none."""
    command = [find_pyspy() or "py-spy", "dump", "--nonblocking", "--json", "--pid", str(pid)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_S, check=False
        )
        rows = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"py-spy did not run: {error}"
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        return [], _reason(done.stderr.decode("utf-8", "replace"))
    threads = [thread for row in rows if isinstance(row, dict) and (thread := _thread(row))]
    return threads, None if threads else "no Python thread was seen"


def _reason(text: str) -> str:
    if any(word in text for word in REFUSED):
        return f"ptrace is refused. {REMEDY}"
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "py-spy gave no stacks"


def _thread(row: dict[str, Any]) -> dict[str, Any] | None:
    try:
        frames = [[str(f["name"]), str(f["filename"]), int(f["line"])] for f in row["frames"]]
        return {
            "tid": int(row["thread_id"]),
            "native_id": int(row.get("os_thread_id") or 0),
            "name": str(row.get("thread_name") or ""),
            "frames": frames[::-1],
        }
    except (KeyError, TypeError, ValueError):
        return None


def _tasks(pid: int) -> list[dict[str, Any]]:
    """Return what the kernel says of each thread; nothing for a process that has ended."""
    reader = Reader(pid)
    found = []
    try:
        folders = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda folder: int(folder.name))
    except (OSError, ValueError):
        return []
    for folder in folders[:TASKS_MAX]:
        line = read_text(folder / "syscall").encode()
        where = read_text(folder / "wchan").strip()
        found.append(
            {
                "native_id": int(folder.name),
                "name": read_text(folder / "comm").strip(),
                "doing": KINDS[reader.read(line)[0]] if line else "",
                "in": "" if where == "0" else where,
            }
        )
    return found


def as_text(processes: list[Process]) -> str:
    """Return the stacks for people to read, the innermost line of each first."""
    parts = []
    for process in processes:
        parts.append(f"== process {process['pid']}")
        if process["refused"]:
            parts.append(f"no stacks: {process['refused']}")
        tasks = {task["native_id"]: task for task in process["tasks"]}
        for thread in process["threads"]:
            task = tasks.get(thread["native_id"], {})
            doing = f" ({task['doing']})" if task.get("doing") else ""
            parts.append(f"Thread {thread['native_id']} {thread['name']}{doing}")
            parts += [f"    {name} ({file}:{line})" for name, file, line in thread["frames"][::-1]]
        if not process["threads"]:
            parts += [_task_line(task) for task in process["tasks"]]
        parts.append("")
    return "\n".join(parts)


def _task_line(task: dict[str, Any]) -> str:
    words = ", ".join(word for word in (task["doing"], task["in"]) if word) or "what it does is not shown"
    return f"Thread {task['native_id']} {task['name']}: {words}"
