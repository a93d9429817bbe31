"""Make one report page of one short training run with each tool, for `page.py` to open.

Peers are installed into a folder of their own, from the indexes of pip and npm; one that can't be is left
out, with its reason.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.store import ROOT
from throughput.collect.pyspy import find_pyspy

SCRIPT = ROOT / "throughput" / "demo" / "train.py"
PACKAGES = ("pyinstrument==5.1.3", "memray==1.20.0")
NPM = ("d3-flame-graph@5.0.0", "d3@7", "speedscope@1.25.0")
RATE = 1000  # stacks a second, for those that can be told
LIMIT_S = 900


class Failed(Exception):
    """A peer's page could not be made."""


def install(folder: Path) -> dict[str, str]:
    """Install what there is; return what failed, by tool."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "python")]
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    failed = {}
    for name, words in (*((package, [*pip, package]) for package in PACKAGES), ("npm", [*npm, *NPM])):
        try:
            _run(words, folder)
        except (Failed, OSError, subprocess.SubprocessError) as error:
            failed[name] = str(error)
    return failed


def makers(folder: Path, steps: int) -> dict[str, Callable[[], Path]]:
    """Return for each tool how its page is made of so many steps of the demo."""
    script = [str(SCRIPT), "--steps", str(steps)]
    return {
        "throughput": lambda: _throughput(folder, steps),
        "pyinstrument": lambda: _pyinstrument(folder, script),
        "memray": lambda: _memray(folder, script),
        "py-spy SVG": lambda: _pyspy(folder, script, "flamegraph", "svg"),
        "speedscope": lambda: _speedscope(folder, _pyspy(folder, script, "speedscope", "json")),
        "d3-flame-graph": lambda: _d3(folder, _pyspy(folder, script, "raw", "txt")),
    }


def _run(words: list[str], folder: Path) -> None:
    path = os.pathsep.join((str(folder / "python"), str(ROOT)))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    if done.returncode:
        raise Failed((done.stderr or done.stdout).strip()[-300:])


def _throughput(folder: Path, steps: int) -> Path:
    out = folder / "throughput"
    shutil.rmtree(out, ignore_errors=True)
    words = [sys.executable, "-m", "throughput", "profile", str(SCRIPT)]
    words += ["--steps", str(steps), "--warmup", "0"]
    _run([*words, "--quiet", "--out", str(out), "--", "--steps", str(steps + 5)], folder)
    return out / "report.html"


def _pyinstrument(folder: Path, script: list[str]) -> Path:
    out = folder / "pyinstrument.html"
    _run([sys.executable, "-m", "pyinstrument", "-r", "html", "-o", str(out), *script], folder)
    return out


def _memray(folder: Path, script: list[str]) -> Path:
    data, out = folder / "memray.bin", folder / "memray.html"
    _run([sys.executable, "-m", "memray", "run", "-f", "-q", "-o", str(data), *script], folder)
    _run([sys.executable, "-m", "memray", "flamegraph", "-f", "-o", str(out), str(data)], folder)
    return out


def _pyspy(folder: Path, script: list[str], format_: str, suffix: str) -> Path:
    out = folder / f"py-spy.{suffix}"
    pyspy = find_pyspy() or "py-spy"
    words = [pyspy, "record", "--nonblocking", "-r", str(RATE), "-f", format_, "-o", str(out), "--"]
    _run([*words, sys.executable, *script], folder)
    return out


def _speedscope(folder: Path, profile: Path) -> Path:
    """Return speedscope's own page with the profile inside, as its command line makes it."""
    release = folder / "node_modules" / "speedscope" / "dist" / "release"
    if not release.is_dir():
        raise Failed("the package has no dist/release")
    data = base64.b64encode(profile.read_bytes()).decode()
    name = json.dumps(profile.name)
    (release / "profile.js").write_text(f"speedscope.loadFileFromBase64({name}, '{data}')", encoding="utf-8")
    index = (release / "index.html").read_text(encoding="utf-8")
    page = release / "with-profile.html"
    start = f"<script>location.hash || (location.hash = 'localProfilePath={release / 'profile.js'}')</script>"
    page.write_text(index.replace("<head>", f"<head>{start}", 1), encoding="utf-8")
    return page


def _d3(folder: Path, folded: Path) -> Path:
    """Return a page with d3-flame-graph alone, of folded stacks."""
    modules = folder / "node_modules"
    code = [
        modules / "d3" / "dist" / "d3.min.js",
        modules / "d3-flame-graph" / "dist" / "d3-flamegraph.umd.min.js",
    ]
    tree: dict[str, object] = {"name": "all", "value": 0, "children": {}}
    for line in folded.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        _grow(tree, stack.split(";"), int(count))
    scripts = "".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in code)
    data = json.dumps(_listed(tree)).replace("<", "\\u003c")
    page = folder / "d3.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><div id=chart></div>{scripts}"
        f"<script>d3.select('#chart').datum({data}).call(flamegraph.default().width(1400))</script>",
        encoding="utf-8",
    )
    return page


def _grow(tree: dict[str, object], frames: list[str], count: int) -> None:
    node = tree
    node["value"] = int(str(node["value"])) + count
    for frame in frames:
        children = node["children"]
        assert isinstance(children, dict)
        node = children.setdefault(frame, {"name": frame, "value": 0, "children": {}})
        node["value"] = int(str(node["value"])) + count


def _listed(node: dict[str, object]) -> dict[str, object]:
    children = node["children"]
    assert isinstance(children, dict)
    return node | {"children": [_listed(child) for child in children.values()]}
