"""`throughput report` on a run directory of somebody else's: damaged, newer, or made to hurt."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, Ran, call, profile

SCRIPT = (
    PRELUDE
    + """
class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 4000
    def __getitem__(self, number):
        for _ in range(3000):
            number += 1
        return torch.ones(16), torch.ones(4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for x, y in torch.utils.data.DataLoader(Slow(), 8):
    optimizer.zero_grad()
    loss_of(x, y).backward()
    counted()
    optimizer.step()
"""
)
pytestmark = pytest.mark.xdist_group("foreign runs")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    ran = profile(folder, SCRIPT, "--steps", "120", "--collectors", "loader,stacks,locks,torch,cprofile,host")
    assert ran.code == 0, ran.text
    return ran.out


@pytest.fixture
def run(honest: Path, tmp_path: Path) -> Path:
    shutil.copytree(honest, tmp_path / "run")
    return tmp_path / "run"


def rank(run: Path) -> Path:
    return run / "raw" / "rank-0000"


def report(tmp_path: Path, run: Path, *words: str) -> Ran:
    ran = call(tmp_path, "report", str(run), *words)
    assert b"Traceback" not in ran.stderr, ran.text
    assert b"root:x:" not in ran.stdout + ran.stderr
    return ran


def test_an_honest_run_renders_in_every_format(tmp_path: Path, run: Path) -> None:
    first = report(tmp_path, run)
    assert first.code == 0, first.text
    assert b"train.py" in first.stdout
    for name in ("html", "md", "json", "speedscope", "perfetto", "pstats"):
        ran = report(tmp_path, run, "--format", name, "--out", f"written.{name}")
        assert ran.code == 0, ran.text
        assert (tmp_path / f"written.{name}").stat().st_size > 100
    assert json.loads((tmp_path / "written.json").read_text())["split"]


DAMAGES = {
    "empty": b"",
    "cut off": b'{"schema": 1, "run_id": "x',
    "no object": b"[1, 2]",
    "no text": bytes(range(256)),
    "deep": b"[" * 200_000,
    "newer": b'{"schema": 999, "run_id": "x"}',
    "wrong types": b'{"schema": 1, "run_id": 5, "window": []}',
    "huge number": b'{"schema": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_file(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    (folder / "raw").mkdir(parents=True)
    (folder / "run.json").write_bytes(DAMAGES[damage])
    for words in (("report",), ("view",), ("rerun", "--yes")):
        ran = call(tmp_path, words[0], str(folder), *words[1:])
        assert ran.code == 4, ran.text
        assert b"Traceback" not in ran.stderr
        assert b"run.json" in ran.stderr
        assert (b"newer" in ran.stderr) == (damage == "newer")


@pytest.mark.parametrize(
    "kind", ["nothing", "a file", "an empty folder", "run.json is a folder", "run.json is a pipe"]
)
def test_no_run_at_all(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "run"
    if kind == "a file":
        folder.write_text("text")
    elif kind != "nothing":
        folder.mkdir()
        if kind == "run.json is a folder":
            (folder / "run.json").mkdir()
        elif kind == "run.json is a pipe":
            os.mkfifo(folder / "run.json")
    ran = report(tmp_path, folder)
    # A file can only be a report.json, and this one is damaged.
    assert ran.code == (4 if kind == "a file" else 2), ran.text


@pytest.mark.parametrize(
    "kind", ["link", "pipe", "folder", "huge", "zeros", "rubbish", "cut off", "missing", "/dev/zero"]
)
def test_no_raw_file_can_hurt(tmp_path: Path, run: Path, kind: str) -> None:
    for path in sorted(p for p in (run / "raw").rglob("*") if p.is_file()):
        _spoil(path, kind)
    ran = report(tmp_path, run)
    assert ran.code in (0, 4), ran.text
    html = report(tmp_path, run, "--format", "html", "--out", "page.html")
    assert html.code in (0, 4), html.text


def _spoil(path: Path, kind: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "/dev/zero":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "huge":
        path.touch()
        os.truncate(path, 3_000_000_000_000)
    elif kind == "zeros":
        path.write_bytes(bytes(len(data)))
    elif kind == "rubbish":
        path.write_bytes(bytes((b * 31 + 7) % 256 for b in range(len(data) % 5000)))
    elif kind == "cut off":
        path.write_bytes(data[: len(data) // 2 + 1])


def test_links_out_of_the_run_are_not_followed(tmp_path: Path, run: Path) -> None:
    sources = run / "raw" / "sources"
    for stored in sources.glob("*.py"):
        stored.unlink()
        stored.symlink_to("/etc/passwd")
    (run / "report.json").unlink()  # what stands in for raw files that are gone
    outside = tmp_path / "outside"
    shutil.move(rank(run), outside)
    rank(run).symlink_to(outside)
    ran = report(tmp_path, run, "--format", "json", "--out", "-")
    assert ran.code == 0, ran.text
    assert json.loads(ran.stdout)["ranks"] == []
    assert b"root:" not in ran.stdout


def test_what_a_run_names_is_not_read(tmp_path: Path, run: Path) -> None:
    index = run / "raw" / "sources" / "index.json"
    found = json.loads(index.read_text())
    for number, entry in enumerate(found["files"]):
        entry["stored"] = ("../../../../../../../../etc/passwd", "/etc/passwd", "../run.json")[number % 3]
    index.write_text(json.dumps(found))
    text = (
        (run / "run.json")
        .read_text()
        .replace(json.loads((run / "run.json").read_text())["script_dir"], "/etc")
    )
    (run / "run.json").write_text(text)
    for name in ("json", "html", "md"):
        ran = report(tmp_path, run, "--format", name, "--out", "-")
        assert ran.code == 0, ran.text
        assert b"root:" not in ran.stdout


HOSTILE = "</script><script>alert(1)</script>\n\x1b]0;owned\x07\x1b[2J[bold]|`*_\u202e"


def test_hostile_names_stay_text(tmp_path: Path, run: Path) -> None:
    escaped = json.dumps(HOSTILE)[1:-1]
    for path in [run / "run.json", *rank(run).glob("*.json*")]:
        if path.suffix == ".gz":
            continue
        text = path.read_text()
        for name in ("__getitem__", "train.py", "MainThread", "collect"):
            text = text.replace(name, name + escaped)
        path.write_text(text)
    ran = report(tmp_path, run)
    assert ran.code == 0, ran.text
    assert b"\x1b]0" not in ran.stdout
    assert b"\x07" not in ran.stdout
    page = report(tmp_path, run, "--format", "html", "--out", "-")
    assert page.code == 0, page.text
    assert b"<script>alert" not in page.stdout
    marked = report(tmp_path, run, "--format", "md", "--out", "-")
    assert "<script>alert" not in re.sub(r"(?<!\\)`[^`]*`", "", marked.stdout.decode())


def test_a_run_with_very_many_files_and_ranks(tmp_path: Path, run: Path) -> None:
    for number in range(3000):
        (rank(run) / f"events-{number + 10**7}.i64").write_bytes(bytes(64))
        (rank(run) / f"name\n{number}").touch()
    for number in range(1, 40):
        (run / "raw" / f"rank-{number:04d}").mkdir()
    ran = report(tmp_path, run)
    assert ran.code in (0, 4), ran.text


def test_rerun_runs_nothing_unasked(tmp_path: Path, run: Path) -> None:
    text = json.loads((run / "run.json").read_text())
    text["options"]["script"] = str(tmp_path / "evil.py")
    text["script"] = text["options"]["script"]
    (tmp_path / "evil.py").write_text("open('it-ran', 'w')\n")
    (run / "run.json").write_text(json.dumps(text))
    ran = call(tmp_path, "rerun", str(run), stdin=b"n\n")
    assert ran.code != 0
    assert not (tmp_path / "it-ran").exists()
    assert b"evil.py" in ran.stdout + ran.stderr
