"""Run a training script plain or profiled, and bring back what it says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.store import HERE, ROOT

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LIMIT_S = 900
"""No run here takes minutes; one that takes this long hangs."""


class RunFailed(Exception):
    """A script or a profiled script didn't end as it should; its last lines are the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to start a training program: arguments after the interpreter, where, and with which environment."""

    arguments: tuple[str, ...]
    cwd: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment for the program, one thread an operator."""
        own = {key: value for key, value in os.environ.items() if key != "TRUTH_OUT"}
        return own | ONE_THREAD | dict(self.environment) | more


def run_plain(command: Command, **environment: str) -> str:
    """Return what the program printed, run as its user would.

    Raises:
        RunFailed: it ended with another code than 0.
    """
    words = [sys.executable, *command.arguments]
    return _run(words, command, command.environ(**environment))


def run_truth(command: Command) -> dict[str, Any]:
    """Return what the script's own stopwatch read."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "truth.json"
        run_plain(command, TRUTH_OUT=str(out))
        truth: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return truth


def run_operators(command: Command) -> float:
    """Return the share of the script's compute phases that operators run, by `operators.py`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "operators.json"
        words = (str(HERE / "operators.py"), str(out), *command.arguments)
        run_plain(replace(command, arguments=words))
        return float(json.loads(out.read_text(encoding="utf-8"))["operators_share"])


def profile(
    command: Command, steps: int, *options: str, look: Callable[[Path], None] | None = None
) -> tuple[dict[str, Any], float]:
    """Return the report of the profiled program, and the seconds until it was there; `look` sees the run.

    Raises:
        RunFailed: there is no report.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        script = list(command.arguments)
        # `-m module args`: the module stands where the script would.
        own = 2 if script[0] == "-m" else 1
        words = [sys.executable, "-m", "throughput", "profile", *script[:own]]
        words += ["--steps", str(steps), "--out", str(out), "--quiet", *options, "--", *script[own:]]
        # -m throughput must be found from any folder, and after what the program's own path holds.
        path = os.pathsep.join(filter(None, (command.environ().get("PYTHONPATH"), str(ROOT))))
        began = time.monotonic()
        _run(words, command, command.environ(PYTHONPATH=path))
        took = time.monotonic() - began
        report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
        if look is not None:
            look(out)
        return report, took


def _run(words: list[str], command: Command, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            words,
            check=False,
            cwd=command.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as late:
        raise RunFailed(f"not done after {LIMIT_S} s") from late
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise RunFailed(f"exit code {done.returncode}\n{last}")
    return done.stdout
