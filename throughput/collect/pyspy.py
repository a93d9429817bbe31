"""Attach py-spy to a training process for the light steps, and end it: raw file `stacks.json`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from throughput.collect.environment import usable_cpus
from throughput.model.run import CollectorStatus

SAMPLES_WANTED, SAMPLES_OF_ALL = 5_000, 10_000
"""Of a process: 5,000 resolve a share to about a point. Of all together: forked workers share thread ids, so
that py-spy writes every frame of every sample, some 5 kB each, which have to be read again."""
RATE_MIN_HZ, RATE_MAX_HZ = 20, 1_000
"""Nonblocking 1,000 Hz stopped a process for 0.3 % of its time."""
RATE_CROWDED_HZ, CROWDED_CPUS, LONG_NS = 250, 2, 2_000_000_000
"""1,000 Hz takes a tenth of a core: where two busy threads had two CPUs, the training thread then waited for
a CPU 9 % of each step, at 400 Hz 5 %, without py-spy 0.3 %. A window of two seconds or more has samples
enough at less."""
CROWDED_SAMPLES_HZ = 500
"""Of all processes together on such a machine: nine processes at 220 Hz each took 1.3 of two CPUs."""
REFUSED = ("ermission", "ptrace", "not permitted", "os error 1")
REMEDY = (
    "Allow ptrace: docker run --cap-add=SYS_PTRACE, or a pod's securityContext.capabilities.add:"
    " [SYS_PTRACE]; without it the in-process sampler is used."
)


def find_pyspy() -> str | None:
    """Return the path of py-spy: beside our interpreter first, then on PATH."""
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if beside.exists() else shutil.which("py-spy")


def rate_for(window_ns: int, processes: int) -> int:
    """Return the sampling rate, Hz, that gives enough samples in a window of this length."""
    wanted = min(SAMPLES_WANTED, SAMPLES_OF_ALL / max(processes, 1)) / max(window_ns / 1e9, 0.001)
    most: float = RATE_MAX_HZ
    if (usable_cpus() or 1) <= CROWDED_CPUS and window_ns >= LONG_NS:
        most = min(RATE_CROWDED_HZ, max(RATE_MIN_HZ, CROWDED_SAMPLES_HZ / max(processes, 1)))
    return int(min(max(wanted, RATE_MIN_HZ), most))


class StackSampler:
    """One py-spy on one training process and its children."""

    def __init__(self, pid: int, folder: Path, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.output = folder / "stacks.json"
        self._text = b""
        self.began_ns = time.monotonic_ns()
        self.ended_ns: int | None = None
        """When it stopped to sample; a sample after that is stale."""
        self.attached_ns: int | None = None
        self._is_asked = False
        command = [
            find_pyspy() or "py-spy", "record", "--pid", str(pid), "--nonblocking", "--idle",
            "--subprocesses",
            "--full-filenames", "-f", "chrometrace", "-r", str(rate_hz), "-o", str(self.output),
        ]  # fmt: skip
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)

    @property
    def pid(self) -> int:
        """Process id of py-spy itself."""
        return self._child.pid

    def _read(self) -> None:
        assert self._child.stdout is not None
        data = self._child.stdout.read()
        if data:
            self._text = (self._text + data)[-20_000:]

    def is_sampling(self) -> bool:
        """Return whether py-spy says that it samples."""
        self._read()
        if self.attached_ns is None and b"Sampling process" in self._text:
            self.attached_ns = time.monotonic_ns()
        return self.attached_ns is not None and self._child.poll() is None

    def has_ended(self) -> bool:
        """Return whether py-spy is gone."""
        self._read()
        return self._child.poll() is not None

    def pause(self) -> None:
        """Stop sampling, but write nothing yet: writing takes a CPU for as long as sampling did."""
        if self.ended_ns is None:
            self.ended_ns = time.monotonic_ns()
            if self._child.poll() is None:
                self._child.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        """Ask py-spy to write its file; it goes on writing while the training runs."""
        if self.ended_ns is None:
            self.ended_ns = time.monotonic_ns()
        if not self._is_asked and self._child.poll() is None:
            self._is_asked = True
            self._child.send_signal(signal.SIGINT)
            self._child.send_signal(signal.SIGCONT)

    def wait(self, timeout_s: float = 30.0) -> CollectorStatus:
        """Wait for the file; return how it went."""
        self.end()
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._read()
        text = self._text.decode("utf-8", "replace").strip()
        if self.output.exists() and self.output.stat().st_size > 2:
            return CollectorStatus(name="stacks", state="ok")
        reason = next(
            (line for line in text.splitlines() if line.startswith("Error")), text[-200:] or "no output"
        )
        refused = any(word in text for word in REFUSED)
        return CollectorStatus(
            name="stacks",
            state="unavailable" if refused else "failed",
            reason=f"py-spy: {reason}",
            remedy=REMEDY if refused else None,
        )
