"""Count calls with cProfile: in the training thread and threads started meanwhile, and in workers.

Written as `calls-<pid>-<thread>.json`: {"pid", "role": training, thread, worker or all threads,
"fetches": batches that a worker made meanwhile, "rows": [[file, line, function, calls, self ns, total ns]],
"callers": [[row, calling row, calls, self ns, total ns]]}. Builtins have file "~"; calling row -1 stands for
code that was running when counting began.
"""

from __future__ import annotations

import gc
import os
import sys
import threading

from .recorder import as_json, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Table = list[list[Any]]
    Counted = tuple[Table, Table]

PER_THREAD = sys.version_info < (3, 12)
"""Before 3.12 a profile counts the thread that enabled it; since then one counts all threads, as one."""
CALLER_SHARE_MIN = 0.001
"""Libraries' callers of less than this share of the counted time are left out: no viewer draws so thin a
part. Those of the script are kept, so that what is called has a place."""
_LIBRARIES = ("site-packages", "dist-packages", os.path.dirname(os.__file__) + os.sep)
_WORK = (
    "blocks.py", "clock.py", "compiles.py", "control.py", "live.py", "lock_waits.py", "ranks.py",
    "recorder.py", "stacks.py", "steps.py",
)  # fmt: skip
"""Modules of ours that call nothing of the script's: what they call is left out, it hangs on time."""
THREADS_MAX = 64
"""Threads started in the block that are counted; more are churn, and each profile takes memory."""
USED = "the script uses a profiler itself"

_block: dict[str, Any] = {"counter": None, "thread": 0, "threads": [], "others": [], "began": False}
_kept: list[Any] = []
"""Profiles of threads that may still run: freeing one switches off that of the thread that frees it."""


def is_in_use() -> bool:
    """Return whether somebody else profiles this thread, or every new one."""
    if sys.getprofile() is not None or getattr(threading, "_profile_hook", None) not in (None, _thread_began):
        return True
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and monitoring.get_tool(monitoring.PROFILER_ID) is not None


class CallCounter:
    """A profile that gives way to the script's own."""

    def __init__(self) -> None:
        from _lsprof import Profiler

        self.profile: Any = Profiler()
        self.lost = False

    def start(self) -> bool:
        """Begin counting in this thread; return False where the script profiles itself."""
        self.lost = self.lost or is_in_use()
        if self.lost:
            return False
        self._watch_the_script()
        try:
            self.profile.enable()
        except ValueError:
            self.lost = True
            self._leave_the_script()
        return not self.lost

    def stop(self) -> None:
        """End counting; `lost` is set where the script's own profiler took over meanwhile."""
        self._leave_the_script()
        if self.lost:
            return
        if PER_THREAD and sys.getprofile() is not self.profile:
            self.lost = True
            _kept.append(self.profile)
            return
        self.profile.disable()

    def _watch_the_script(self) -> None:
        import cProfile
        from _lsprof import Profiler

        thread = threading.get_ident()
        kind: Any = cProfile.Profile

        def enable(profile: Any, *args: Any, **kwargs: Any) -> None:
            if not PER_THREAD or threading.get_ident() == thread:
                self.stop()
                self.lost = True
            Profiler.enable(profile, *args, **kwargs)

        kind.enable = enable

    def _leave_the_script(self) -> None:
        profile = sys.modules["cProfile"].Profile if "cProfile" in sys.modules else None
        if profile is not None and "enable" in vars(profile):
            del profile.enable

    def counted(self) -> Counted:
        """Return rows and callers so far, as they are written."""
        was_on = gc.isenabled()
        gc.disable()  # another thread may still count: a collection could switch to it in the middle
        try:
            entries = self.profile.getstats()
        finally:
            if was_on:
                gc.enable()
        rows = _rows(entries)
        return rows, _callers(entries, rows)


def _rows(entries: list[Any]) -> Table:
    """Return the rows of all entries, without the builtins that our own work calls."""
    ours: dict[str, list[int]] = {}
    for entry in entries:
        for called in (entry.calls or ()) if _is_work(entry.code) else ():
            if isinstance(called.code, str):
                amounts = ours.setdefault(called.code, [0, 0, 0])
                more = (called.callcount, int(called.inlinetime * 1e9), int(called.totaltime * 1e9))
                amounts[:] = [a + b for a, b in zip(amounts, more)]
    rows = [_row(entry) for entry in entries]
    for row in rows:
        amounts = ours.pop(row[2], [0, 0, 0]) if row[0] == "~" else [0, 0, 0]
        row[3:] = [max(0, a - b) for a, b in zip(row[3:], amounts)]
    return rows


def _is_work(code: Any) -> bool:
    """Return whether code is ours and no wrapper around the script's."""
    if isinstance(code, str) or "throughput_inprocess" not in code.co_filename:
        return False
    return os.path.basename(code.co_filename) in _WORK


def _row(entry: Any) -> list[Any]:
    code = entry.code
    amounts = [entry.callcount, int(entry.inlinetime * 1e9), int(entry.totaltime * 1e9)]
    if isinstance(code, str):
        return ["~", 0, code, *amounts]
    return [code.co_filename, code.co_firstlineno, getattr(code, "co_qualname", code.co_name), *amounts]


def _is_own(file: str) -> bool:
    """Return whether a file is the script's own, or a wrapper of ours around what it calls."""
    return file != "~" and ("throughput_inprocess" in file or not any(part in file for part in _LIBRARIES))


def _callers(entries: list[Any], rows: Table) -> Table:
    """Return who called which row; what no counted function called was called by code that already ran."""
    number = {id(entry.code): index for index, entry in enumerate(entries)}
    calls, rest = [row[3] for row in rows], [row[5] for row in rows]
    least = CALLER_SHARE_MIN * sum(row[4] for row in rows)
    found = []
    for caller, entry in enumerate(entries):
        for called in entry.calls or ():
            row = number.get(id(called.code))
            if row is None or (rows[row][0] == "~" and _is_work(entry.code)):
                continue
            own, total = int(called.inlinetime * 1e9), int(called.totaltime * 1e9)
            calls[row] -= called.callcount
            rest[row] -= total if row != caller else 0
            if total >= least or _is_own(rows[caller][0]):
                found.append([row, caller, called.callcount, own, total])
    for row, (count, total) in enumerate(zip(calls, rest)):
        if count > 0 and total >= max(least, 1):
            found.append([row, -1, count, min(rows[row][4], total), total])
    return found


def _joined(parts: list[Counted]) -> Counted:
    """Return several threads' tables as one."""
    rows: Table = []
    callers: Table = []
    for more, their in parts:
        base = len(rows)
        rows += more
        callers += [[row + base, by + base if by >= 0 else -1, *amounts] for row, by, *amounts in their]
    return rows, callers


def write_calls(counted: Counted, role: str, thread: int | None = None, fetches: int = 0) -> None:
    """Write `calls-<pid>-<thread>.json`, whole or not at all; thread 0 stands for several."""
    rows, callers = counted
    if recorder.folder is None or not rows:
        return
    name = f"calls-{os.getpid()}-{threading.get_ident() if thread is None else thread}.json"
    path = os.path.join(recorder.folder, name)
    try:
        with open(path + ".part", "wb") as file:
            table = {"pid": os.getpid(), "role": role, "fetches": fetches, "rows": rows, "callers": callers}
            file.write(as_json(table))
        os.replace(path + ".part", path)
    except OSError:
        pass


def _thread_began(frame: Any, event: str, arg: Any) -> None:
    """Count the calls of a thread that starts in the block; called once, at its first call."""
    sys.setprofile(None)
    _block["began"] = True
    counters = _block["threads"]
    if not PER_THREAD or _block["counter"] is None or len(counters) >= THREADS_MAX:
        return
    counter = CallCounter()
    counters.append(counter)
    _kept.append(counter.profile)
    counter.profile.enable()


def _other_threads() -> list[str]:
    mine = threading.get_ident()
    return [t.name for ident, t in list(getattr(threading, "_active", {}).items()) if ident != mine]


def begin() -> None:
    """Begin the block in this thread and those that start from now on, unless the script profiles itself."""
    counter = CallCounter()
    _block.update(thread=threading.get_ident(), threads=[], others=_other_threads(), began=False)
    if is_in_use():
        _say("unavailable", USED)
        return
    threading.setprofile(_thread_began)
    _block["counter"] = counter
    if not counter.start():
        _unhook()
        _say("unavailable", USED)
        _block["counter"] = None


def end() -> None:
    """End the block and write its calls, unless the script began to profile itself meanwhile."""
    counter, _block["counter"] = _block["counter"], None
    if counter is None:
        return
    counter.stop()
    _unhook()
    if counter.lost:
        _say("unavailable", USED)
        return
    mixed = not PER_THREAD and bool(_block["began"] or _block["others"])
    write_calls(counter.counted(), "all threads" if mixed else "training")
    write_calls(_joined([one.counted() for one in _block["threads"]]), "thread", 0)
    if mixed:
        _say("ok", "this Python counts all threads of a process as one")
    elif _block["others"]:
        names = ", ".join(_block["others"][:3]) + (", ..." if len(_block["others"]) > 3 else "")
        _say(
            "ok", f"threads that were already running ({names}) can't be counted; stacks are sampled of them"
        )


def forget() -> None:
    """Leave the block in a forked process: it inherits the profile of the thread that forked."""
    counter, _block["counter"] = _block["counter"], None
    if counter is not None:
        counter.stop()
        _unhook()


def _unhook() -> None:
    if getattr(threading, "_profile_hook", None) is _thread_began:
        threading.setprofile(None)


def _say(state: str, reason: str) -> None:
    recorder.note("collector", name="cprofile", state=state, reason=reason)
