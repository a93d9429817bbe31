"""Begin in a new process: wait for torch, then install the hooks; follow forks; write out at exit."""

from __future__ import annotations

import atexit
import json
import os
import sys
import time

from . import spans
from .live import page
from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


PR_SET_PDEATHSIG = 1


class _TorchFinder:
    """Calls `then(torch)` once, right after the top-level package torch has been imported."""

    def __init__(self, then: Callable[[Any], None]) -> None:
        self.then = then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find torch as the others would, and wrap its loader.

        Programs look for torch before they import it (`importlib.util.find_spec`): we stay until it ran.
        """
        if name != "torch":
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec: Any = next((found for f in others if (found := f.find_spec(name, path, target))), None)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            loader.exec_module = execute
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                self.then(module)

        loader.exec_module = exec_module
        return spec


def _read_options() -> dict[str, Any]:
    try:
        found = json.loads(os.environ.get("THROUGHPUT_OPTIONS", "{}"))
        return found if isinstance(found, dict) else {}
    except ValueError:
        return {}


def _after_fork() -> None:
    recorder.after_fork()
    for name in ("amounts", "calls", "clock", "control", "loader", "regions", "slow_samples", "spans"):
        module = sys.modules.get(f"{__package__}.{name}")
        if module is not None:
            module.forget()


def _with_torch(torch: Any, options: dict[str, Any]) -> None:
    since = time.monotonic_ns()
    try:
        from . import control, patches, untraced

        control.begin(options)
        if options.get("knobs"):
            from . import knobs

            knobs.turn(torch, options["knobs"])
        if options.get("unit"):
            from . import useful

            useful.ask(options["unit"])
        patches.install(torch)
        untraced.leave_out(torch)
        if "locks" in options.get("collectors", ()):
            from . import locks

            locks.install_process_locks()
        if options.get("marker") and not options.get("knobs", {}).get("loader_only"):
            from . import marker

            marker.watch(options["marker"])
    except Exception as error:
        recorder.note("note", text=f"in-process collectors not installed: {error!r}")
    spans.record(spans.PROFILING, since, name="hooks")


def _at_exit() -> None:
    control = sys.modules.get(f"{__package__}.control")
    if (
        control is not None
        and control.controller is not None
        and recorder.folder is not None
        and page.get("pid") == os.getpid()
    ):
        from . import blocks, facts

        since = time.monotonic_ns()
        control.controller.show()
        blocks.abandon()
        backwards = sys.modules.get(f"{__package__}.backwards")
        if backwards is not None:
            backwards.note_losses()
        facts.note(control.controller.finder)
        spans.record(spans.PROFILING, since, name="end")
    recorder.flush()


def _write_faults() -> None:
    """Have Python write the stacks of a crash into our file, unless it was told where to write them."""
    import faulthandler

    if faulthandler.is_enabled():
        return
    path = os.path.join(os.environ["THROUGHPUT_RAW"], "faults.txt")
    faulthandler.enable(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644))


def _end_with(parent: int) -> None:
    """Have the kernel end the script when throughput is killed; what it started itself it ends itself."""
    if os.getppid() != parent:
        return
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _try(do: Callable[..., None], *arguments: Any) -> None:
    """Do what the run can do without."""
    try:
        do(*arguments)
    except Exception:
        pass


def start() -> None:
    """Install the hooks of this process; cheap, since every child process runs it."""
    since = time.monotonic_ns()
    options = _read_options()
    recorder.note("start", pid=os.getpid(), t=since, python=sys.version.split()[0])
    sys.meta_path.insert(0, _TorchFinder(lambda torch: _with_torch(torch, options)))
    if "locks" in options.get("collectors", ()):
        from . import locks

        locks.install()
        locks.install_file_locks()
    os.register_at_fork(after_in_child=_after_fork)
    if "host" in options.get("collectors", ()):
        from . import pauses

        pauses.watch()
    atexit.register(_at_exit)
    _try(_write_faults)
    _try(_end_with, options.get("parent", 0))
    spans.record(spans.PROFILING, since, name="start")
    spans.watch_imports()
