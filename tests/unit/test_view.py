"""`throughput view` serves what cProfile counted: snakeviz's page holds it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.unit.render import timelines
from throughput.cli import view
from throughput.render.pstats_file import pstats_bytes


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def page_of(url: str, server: subprocess.Popen[str]) -> str:
    for _ in range(200):
        assert server.poll() is None, "snakeviz ended"
        try:
            with urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("snakeviz never answered")


def test_snakeviz_shows_the_data(tmp_path: Path) -> None:
    path = tmp_path / "profile.pstats"
    path.write_bytes(pstats_bytes(timelines.calls()))
    port = free_port()
    command = [sys.executable, "-m", "snakeviz", "--server", "--port", str(port), str(path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    try:
        page = page_of(f"http://127.0.0.1:{port}/snakeviz/{quote(str(path), safe='')}", server)
    finally:
        server.kill()
        server.wait()
    assert re.search(r"fromnumeric\.py:3713\(round\)", page)
    assert "Could not read" not in page


def test_without_a_browser_the_address_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(using: str | None = None) -> None:
        raise webbrowser.Error("none")

    monkeypatch.setattr(webbrowser, "get", none)
    assert view.snakeviz_command()[-1] == "--server"
    monkeypatch.setattr(webbrowser, "get", lambda using=None: None)
    assert view.snakeviz_command()[-1] == "snakeviz"
