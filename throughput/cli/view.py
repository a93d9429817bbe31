"""Run `view`: write a run's cProfile data as pstats into a temporary folder, and open it in snakeviz."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path

from throughput.collect.run_directory import RunDirectory
from throughput.flows.analyse import analyse
from throughput.flows.render import render_format


def run_view(run: str) -> int:
    """Show the run in snakeviz until it is closed; return its exit code.

    Raises:
        UsageError: no run there, or it has no cProfile data.
    """
    data, name = render_format(analyse(RunDirectory(Path(run).resolve())), "pstats")
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        print("Serving the cProfile data with snakeviz; Ctrl-C ends it.", flush=True)
        try:
            return subprocess.run([*snakeviz_command(), str(path)], check=False).returncode
        except KeyboardInterrupt:
            return 0


def snakeviz_command() -> list[str]:
    """Return the command that serves a file: without a browser here, it only prints the address."""
    command = [sys.executable, "-m", "snakeviz"]
    try:
        webbrowser.get()
    except webbrowser.Error:
        command.append("--server")
    return command
