"""On a terminal: the script sees one too, of the same size, reads the keyboard, and gets Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
import uuid
from pathlib import Path

from tests.e2e.profiling import MARK, PRELUDE, QUICK, environment, left_behind, starter

LOOP = """
import shutil, sys, time
print("kinds", [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)])
print("size", tuple(shutil.get_terminal_size()))
with open("asked", "w") as file:
    file.write("yes")
print("typed", input("name? "))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(100000):
    optimizer.zero_grad()
    loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
    time.sleep(0.01)
    counted()
    optimizer.step()
"""


class Terminal:
    """A terminal of 100 x 30 with the command line in it."""

    def __init__(self, tmp_path: Path, *words: str) -> None:
        (tmp_path / "train.py").write_text(PRELUDE + LOOP)
        self.mark = uuid.uuid4().hex
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.running = subprocess.Popen(
            ["setsid", "--ctty", *starter(tmp_path), "profile", "train.py", "--out", "out", *QUICK, *words],
            cwd=tmp_path,
            env=environment(**{MARK: self.mark, "TERM": "xterm-256color"}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def wait_for(self, file: Path, size: int = 1) -> None:
        deadline = time.monotonic() + 60
        while not (file.exists() and file.stat().st_size >= size):
            assert time.monotonic() < deadline, self.seen[-3000:]
            self._read()

    def end(self) -> int:
        deadline = time.monotonic() + 60
        while self._read() or self.running.poll() is None:
            assert time.monotonic() < deadline, self.seen[-3000:]
        os.close(self.ours)
        assert not left_behind(self.mark)
        return self.running.wait()

    def _read(self) -> bool:
        if not select.select([self.ours], [], [], 0.1)[0]:
            return False
        try:
            data = os.read(self.ours, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)


def test_the_script_has_a_terminal_and_a_keyboard(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--steps", "40")
    terminal.wait_for(tmp_path / "asked")
    terminal.type(b"Ada\n")
    assert terminal.end() == 0, terminal.seen[-3000:]
    # Between any two of the script's bytes our live lines may have been drawn: the log has the bytes alone.
    log = (tmp_path / "out" / "raw" / "output.log").read_bytes()
    assert log == b"kinds [True, True, True]\nsize (100, 30)\nname? typed Ada\n"
    assert b"Throughput" in terminal.seen
    assert json.loads((tmp_path / "out" / "report.json").read_text())["run"]["window"]["kept"] == 40


def test_ctrl_c_on_the_keyboard_gives_the_report(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--steps", "100000")
    terminal.wait_for(tmp_path / "asked")
    terminal.type(b"Ada\n")
    terminal.wait_for(tmp_path / "counted.txt", 50)
    terminal.type(b"\x03")
    assert terminal.end() == 130, terminal.seen[-3000:]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["run"]["ended"] == "interrupted"
    assert report["run"]["window"]["kept"] > 20
    assert b"KeyboardInterrupt" not in terminal.seen
