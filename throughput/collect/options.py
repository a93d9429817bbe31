"""Say what to profile and how: the user's options, checked."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from throughput.collect.unit_path import paths_of
from throughput.errors import UsageError

COLLECTORS = ("light", "loader", "copies", "stacks", "locks", "syscalls", "torch", "cprofile", "host", "gpu")
"""All collectors; `light`, `loader` and `copies` are the timers that every profile needs."""
ALWAYS = ("light", "loader", "copies")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions:
    """What the user asked for; exactly one of `script`, `module` and a bare command in `arguments`."""

    script: str | None = None
    module: str | None = None
    arguments: tuple[str, ...] = ()
    steps: int = 200
    warmup: str = "auto"
    out: str | None = None
    python: str | None = None
    collectors: tuple[str, ...] = COLLECTORS
    stacks: str = "auto"
    marker: str | None = None
    unit: tuple[str, ...] = ()
    """What samples and tokens are in a batch: `tokens=PATH`, `samples=PATH`."""
    max_seconds: float | None = None
    stall_s: float = 60.0
    run_to_end: bool = False
    knobs: dict[str, int | bool] = field(default_factory=dict)
    """Settings that a trial changes: arguments of DataLoader, `threads`, `cached`."""
    cwd: str | None = None
    """Where it runs; None is here."""
    variables: dict[str, str] = field(default_factory=dict)
    """Environment variables that it gets on top of ours."""

    def command(self) -> tuple[str, ...]:
        """Return the command line to start.

        Raises:
            UsageError: the script or the interpreter isn't there.
        """
        if self.script is None and self.module is None:
            return self._bare_command()
        python = self._interpreter()
        if self.module is not None:
            return (python, "-m", self.module, *self.arguments)
        script = str(self.script)
        if not self.folder.joinpath(script).exists():
            raise UsageError(
                f"There is no file {script} here.", hint="Name a Python script, or use -m for a module."
            )
        return (python, script, *self.arguments)

    def _bare_command(self) -> tuple[str, ...]:
        if not self.arguments:
            raise UsageError("Nothing to profile.", hint="Example: throughput profile train.py --steps 200")
        if shutil.which(self.arguments[0]) is None:
            raise UsageError(
                f"There is no command {self.arguments[0]}.", hint="Check the word after --command --."
            )
        return self.arguments

    def _interpreter(self) -> str:
        if self.python is None:
            return sys.executable
        found = shutil.which(str(Path(self.python).expanduser()))
        if found is None:
            raise UsageError(
                f"There is no Python at {self.python}.", hint="Give --python the path of an interpreter."
            )
        return found

    @property
    def folder(self) -> Path:
        """Where it runs."""
        return Path(self.cwd) if self.cwd is not None else Path.cwd()

    @property
    def name(self) -> str:
        """What the run is called after."""
        return self.script or self.module or Path(self.arguments[0]).name

    @property
    def script_dir(self) -> str:
        """The folder of own code: the script's; the current one for a module or a command."""
        if self.script is None:
            return str(self.folder)
        path = self.folder.joinpath(self.script).resolve()
        return str(path if path.is_dir() else path.parent)

    def in_process(self) -> dict[str, Any]:
        """Return what the training process has to know."""
        return {
            "steps": self.steps,
            "warmup": "auto" if self.warmup == "auto" else int(self.warmup),
            "collectors": list(self.collectors),
            "marker": self.marker,
            "run_to_end": self.run_to_end,
            "stacks": self.stacks if "stacks" in self.collectors else "off",
            **({"knobs": self.knobs} if self.knobs else {}),
            **({"unit": paths_of(self.unit)} if self.unit else {}),
        }


def check(options: ProfileOptions) -> None:
    """Refuse what can't be measured.

    Raises:
        UsageError: a number out of range, an unknown collector, or a unit that is none.
    """
    if options.steps < 1:
        raise UsageError("--steps must be at least 1.", hint="20 or more give an interval worth reading.")
    if options.warmup != "auto" and not options.warmup.isdigit():
        raise UsageError(
            f"--warmup is a number of steps or auto, not {options.warmup}.", hint="Try --warmup 10."
        )
    for name, seconds in (("--stall", options.stall_s), ("--max-seconds", options.max_seconds)):
        if seconds is not None and not seconds > 0:
            raise UsageError(f"{name} must be more than 0 seconds.", hint=f"Try {name} 60.")
    paths_of(options.unit)
    unknown = [name for name in options.collectors if name not in COLLECTORS]
    if unknown:
        raise UsageError(
            f"There is no collector {unknown[0]}.", hint=f"Choose among {', '.join(COLLECTORS)}."
        )
    if options.stacks not in ("auto", "py-spy", "in-process"):
        raise UsageError(
            f"--stacks is auto, py-spy or in-process, not {options.stacks}.", hint="auto tries both."
        )
