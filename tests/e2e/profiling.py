"""Run the command line on a script in a process of its own, and read what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MARK = "THROUGHPUT_TEST_MARK"
COUNT = "counted.txt"
SECONDS = 120
"""No run here takes a tenth of it on a free machine."""
QUICK = ("--collectors", "loader", "--warmup", "4")
"""For tests of what a step is and how a script ends, which no other collector changes."""

# One thread, the counter that knows nothing of us, and a model that takes no time.
PRELUDE = f"""
import os
os.environ["OMP_NUM_THREADS"] = "1"
import torch
_count = os.open({COUNT!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def counted():
    os.write(_count, b".")
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
data = torch.utils.data.TensorDataset(torch.randn(320, 16), torch.randn(320, 4))
def loss_of(x, y):
    return torch.nn.functional.mse_loss(model(x), y)
"""


@dataclass
class Ran:
    """A call of the command line that ended."""

    code: int
    stdout: bytes
    stderr: bytes
    out: Path
    cwd: Path

    @property
    def text(self) -> str:
        """Everything that was printed, for messages."""
        return (self.stdout[-3000:] + b"\n--\n" + self.stderr[-6000:]).decode("utf-8", "replace")

    @cached_property
    def run(self) -> dict[str, Any]:
        """The run.json."""
        found: dict[str, Any] = json.loads((self.out / "run.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def report(self) -> dict[str, Any]:
        """The report.json."""
        found: dict[str, Any] = json.loads((self.out / "report.json").read_text(encoding="utf-8"))
        return found

    @property
    def window(self) -> dict[str, Any]:
        """The report's window."""
        found: dict[str, Any] = self.report["run"]["window"]
        return found

    @property
    def seen(self) -> int:
        """How many steps the report says that there were until the stop."""
        return int(self.window["kept"] + self.window["warmup"] + self.window["dropped"])

    @property
    def own_count(self) -> int:
        """How many steps the script itself counted."""
        file = self.cwd / COUNT
        return file.stat().st_size if file.exists() else 0

    @property
    def notes(self) -> str:
        """The report's notes, as one text."""
        return "\n".join(self.report["notes"])


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a call: one thread, nothing inherited that would change it."""
    dropped = ("PYTHONPATH", "COLUMNS", "LINES", "PYTEST_", "THROUGHPUT_")
    base = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return base | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TERM": "dumb"} | more


def starter(tmp_path: Path) -> list[str]:
    """Return the command that starts the checkout's command line from any folder, touching no PYTHONPATH."""
    file = tmp_path / "throughput-command"
    if not file.exists():
        text = f"import sys\nsys.path[0] = {str(ROOT)!r}\nfrom throughput.cli import main\nmain()\n"
        file.write_text(text, encoding="utf-8")
    return [sys.executable, str(file)]


def call(
    tmp_path: Path,
    *arguments: str,
    cwd: Path | None = None,
    stdin: bytes = b"",
    seconds: int = SECONDS,
    **env: str,
) -> Ran:
    """Call the command line and wait; nothing that it started may be left behind."""
    mark = uuid.uuid4().hex
    cwd = cwd or tmp_path
    try:
        done = subprocess.run(
            [*starter(tmp_path), *arguments],
            cwd=cwd,
            env=environment(**{MARK: mark}, **env),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        for process in carriers(mark):
            os.kill(int(process.name), signal.SIGKILL)
        raise
    assert not left_behind(mark), left_behind(mark)
    return Ran(done.returncode, done.stdout, done.stderr, tmp_path / "out", cwd)


def profile(tmp_path: Path, script: str, *options: str, **env: str) -> Ran:
    """Write a script and profile it, with 16 steps unless the options say otherwise."""
    (tmp_path / "train.py").write_text(script, encoding="utf-8")
    return profile_file(tmp_path, "train.py", *options, **env)


def profile_file(tmp_path: Path, script: str, *options: str, cwd: Path | None = None, **env: str) -> Ran:
    """Profile a script that is there; options after `--` are the script's."""
    ours, theirs = split_at(options)
    if "--steps" not in ours:
        ours += ("--steps", "16")
    if "--out" not in ours:
        ours += ("--out", str(tmp_path / "out"))
    words = ("profile", script, *ours, *theirs)
    return call(tmp_path, *words, cwd=cwd, **env)


def split_at(options: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what stands before `--`, and the rest with it."""
    cut = options.index("--") if "--" in options else len(options)
    return options[:cut], options[cut:]


def plain(tmp_path: Path, script: str, *arguments: str, stdin: bytes = b"", **env: str) -> Ran:
    """Run a script as the user would without us."""
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "train.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        env=environment(**env),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder, folder)


def carriers(mark: str) -> list[Path]:
    """Return the /proc folders of the processes that carry the mark."""
    return [p for p in Path("/proc").iterdir() if p.name.isdigit() and _carries(p, mark)]


def left_behind(mark: str, patience_s: float = 2.0) -> list[str]:
    """Return the command lines of processes that still carry the mark; the kernel has a moment."""
    deadline = time.monotonic() + patience_s
    while True:
        found = [_command(p) for p in carriers(mark)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def _carries(process: Path, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return process.name


def assert_done(ran: Ran) -> None:
    """Assert that the window was measured in full and every step of it counted."""
    assert ran.code == 0, ran.text
    assert ran.run["ended"] == "completed", ran.text
    assert ran.window["kept"] == ran.window["asked"], ran.window
    assert ran.seen == ran.own_count, (ran.window, ran.own_count)
    assert ran.report["throughput"]["steps_per_s"] > 0
    assert abs(sum(row["share"] or 0 for row in ran.report["split"]) - 1) < 1e-3
