"""Saving benchmarks: whole or not at all, several at once, and one sentence for whatever is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.compare import samples as s
from throughput.cli import main
from throughput.compare.saved_file import benchmark_from_json
from throughput.errors import DamagedFile, NotComparable, ThroughputError, UsageError
from throughput.flows import saved as saved_module
from throughput.flows.project import Project, project_of
from throughput.flows.saved import (
    Content,
    check_name,
    read_benchmark,
    saved_code,
    saved_stacks,
    write_benchmark,
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    return project_of(tmp_path)


def content(
    name: str = "main", code: bytes | None = b"zip", tag: str = "", stacks: bytes | None = b"stacks"
) -> Content:
    made = replace(
        s.benchmark(name), code_sha256=digest(code), stacks_sha256=digest(stacks), saved_at=tag or "2026"
    )
    return Content(benchmark=made, stacks=stacks, code=code)


def digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def test_a_round_trip_through_the_project(project: Project) -> None:
    files = write_benchmark(project, content())
    assert [file.name for file in files] == ["main.code.zip", "main.stacks.gz", "main.json"]
    assert {file.parent for file in files} == {project.folder / "benchmarks" / "saved"}
    found = read_benchmark(project, "main")
    assert found == content().benchmark
    assert saved_code(project, found) == files[0]
    assert saved_stacks(project, found) == b"stacks"
    assert sorted(p.name for p in project.saved.iterdir()) == ["main.code.zip", "main.json", "main.stacks.gz"]


def test_code_that_is_no_longer_kept_is_taken_away(project: Project) -> None:
    write_benchmark(project, content())
    write_benchmark(project, content(code=None))
    assert not (project.saved / "main.code.zip").exists()
    assert saved_code(project, read_benchmark(project, "main")) is None


def test_code_of_another_save_is_not_used(project: Project) -> None:
    write_benchmark(project, content())
    (project.saved / "main.code.zip").write_bytes(b"of an interrupted save")
    assert saved_code(project, read_benchmark(project, "main")) is None


def test_an_interrupted_save_leaves_the_old_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_benchmark(project, content(tag="old"))

    def stop(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_benchmark(project, content(tag="new"))
    monkeypatch.undo()
    assert read_benchmark(project, "main").saved_at == "old"
    assert sorted(p.name for p in project.saved.iterdir()) == ["main.code.zip", "main.json", "main.stacks.gz"]


def version(tag: str) -> Content:
    """Return a benchmark whose files all hold its tag; "plain" has no code and no stacks beside it."""
    data = None if tag == "plain" else tag.encode()
    return content(code=data, stacks=data, tag=tag)


def whole(project: Project) -> str:
    """Return the tag of the saved benchmark, after a look at whether all its files are of one save."""
    found = read_benchmark(project, "main")
    code, stacks = saved_code(project, found), saved_stacks(project, found)
    if found.saved_at == "plain":
        assert sorted(path.name for path in project.saved.iterdir() if path.name[0] != ".") == ["main.json"]
    else:
        assert code is not None
        assert code.read_bytes() == stacks == found.saved_at.encode()
    return found.saved_at


def ended_at(moment: int) -> None:
    """End this process, as kill -9 does, before its n-th change of a file."""
    left = [moment]

    def before(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os._exit(9)
            return change(*args, **more)

        return changed

    for owner, name in ((os, "fsync"), (os, "fdopen"), (Path, "replace"), (Path, "unlink"), (Path, "chmod")):
        setattr(owner, name, before(getattr(owner, name)))
    saved_module.tempfile.mkstemp = before(saved_module.tempfile.mkstemp)


@pytest.mark.parametrize(("old", "new"), [("old", "new"), ("plain", "new"), ("old", "plain")])
def test_a_save_that_is_killed_at_any_moment_leaves_the_old_one_or_the_new_one(
    project: Project, old: str, new: str
) -> None:
    seen = []
    for moment in range(1, 100):
        write_benchmark(project, version(old))
        child = os.fork()
        if not child:
            try:
                ended_at(moment)
                write_benchmark(project, version(new))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        seen.append(whole(project))
        if not os.waitstatus_to_exitcode(status):
            break
    assert seen == [old] * seen.count(old) + [new] * seen.count(new)
    assert seen.count(old) >= 4
    assert seen.count(new) >= 3  # also while what is there whole is put in place
    write_benchmark(project, version("last"))
    assert sorted(p.name for p in project.saved.iterdir()) == ["main.code.zip", "main.json", "main.stacks.gz"]


def test_saves_that_are_killed_at_random_moments(project: Project) -> None:
    write_benchmark(project, version("first"))
    times = random.Random(3)
    for _ in range(12):
        child = os.fork()
        if not child:
            try:
                for number in range(100_000):
                    write_benchmark(project, version(str(number)))
            finally:
                os._exit(1)
        time.sleep(times.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert whole(project)


def test_what_a_killed_save_left_is_read_also_where_nothing_can_be_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_benchmark(project, version("old"))
    staged = project.saved / ".main.json.new"
    staged.write_bytes((project.saved / "main.json").read_bytes().replace(b'"old"', b'"new"'))

    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as refused:
        refused.setattr(Path, "replace", refuse)
        assert read_benchmark(project, "main").saved_at == "old"
    assert read_benchmark(project, "main").saved_at == "new"
    staged.write_bytes(b"torn")
    assert read_benchmark(project, "main").saved_at == "new"
    assert not staged.exists()


def test_saves_at_the_same_time_leave_one_whole_benchmark(project: Project) -> None:
    def write(number: int) -> None:
        for _ in range(5):
            write_benchmark(project, content(code=f"zip {number}".encode(), tag=str(number)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_benchmark(project, "main")
    code = saved_code(project, found)
    assert code is not None
    assert code.read_bytes() == f"zip {found.saved_at}".encode()
    assert len(list(project.saved.iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_one_sentence(project: Project) -> None:
    project.saved.parent.mkdir()
    project.saved.write_text("a file")
    with pytest.raises(UsageError, match="Can't write into"):
        write_benchmark(project, content())


def test_a_read_only_folder_is_one_sentence(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # As root every folder can be written, so the refusal of the system is made here.
    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(saved_module.tempfile, "mkstemp", refuse)
    with pytest.raises(UsageError, match="Permission denied") as refused:
        write_benchmark(project, content())
    assert refused.value.hint
    assert refused.value.exit_code == 2


def test_a_full_disk_keeps_what_was_saved(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write_benchmark(project, content(tag="old"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ThroughputError, match="disk is full") as refused:
        write_benchmark(project, content(tag="new"))
    assert refused.value.exit_code == 5
    assert read_benchmark(project, "main").saved_at == "old"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 81, "main.json", "a."])
def test_names_that_are_no_file_everywhere_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="can't be called"):
        check_name(name)


def test_what_is_not_there_is_named_with_what_is(project: Project) -> None:
    with pytest.raises(NotComparable, match="no saved benchmark main") as refused:
        read_benchmark(project, "main")
    assert "--save main" in refused.value.hint
    write_benchmark(project, content("other"))
    with pytest.raises(NotComparable) as again:
        read_benchmark(project, "main")
    assert "other" in again.value.hint


def test_settings_say_where_and_what_is_linked(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.throughput]\nsaved = "perf"\nlink = ["data", "a/b"]\n')
    (tmp_path / "below").mkdir()
    found = project_of(tmp_path / "below")
    assert found.folder == tmp_path.resolve()
    assert found.saved == tmp_path.resolve() / "perf"
    assert found.links == (Path("data"), Path("a/b"))
    saved = ('saved = "../x"', 'saved = "/x"', "saved = 3")
    for bad in (*saved, 'link = "data"', 'link = ["/x"]', "link = [3]"):
        (tmp_path / "pyproject.toml").write_text(f"[tool.throughput]\n{bad}\n")
        with pytest.raises(UsageError, match=r"\[tool.throughput\]"):
            project_of(tmp_path)


def typed(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: object) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["throughput", *map(str, words)])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture
def two(project: Project) -> Project:
    write_benchmark(project, content("main"))
    slow = tuple(s.process(ms, data_loading=ms - 6) for ms in (18.0, 18.1, 17.9, 18.05, 17.95))
    later = replace(s.benchmark("slow"), processes=slow, counts=(s.count("aten::mm", 3.0),))
    write_benchmark(project, Content(benchmark=later))
    return project


def test_two_saved_benchmarks_are_compared(
    two: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, two.folder, "compare", "main", "slow") == 0
    shown = " ".join(capsys.readouterr().out.replace("\u00a0", " ").split())
    assert shown.startswith("Slower by 80 %")
    assert "data loading +200 %" in shown
    assert "`aten::mm` 2 → 3 a step" in shown
    assert typed(monkeypatch, two.folder, "compare", "main", "main") == 0
    assert "Not slower by 5 % or more" in capsys.readouterr().out.replace("\u00a0", " ")


def test_json_and_markdown(
    two: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# before\n")
    assert typed(monkeypatch, two.folder, "compare", "main", "slow", "--json", "--markdown", file) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"] == "slower"
    assert found["part"]["component"] == "data_loading"
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# before\n\n### ❌ Slower by 80")
    assert "| **Data loading** |" in text


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", 4, "is empty"),
        (b'{"schema": 1', 4, "damaged"),
        (b'{"schema": 99}', 4, "newer throughput"),
        (b"\xff\xfe", 4, "damaged"),
    ],
)
def test_a_damaged_benchmark_is_code_four(
    two: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    data: bytes, code: int, words: str,
) -> None:  # fmt: skip
    (two.saved / "main.json").write_bytes(data)
    for command in (("compare", "main", "slow"), ("check", "train.py", "--against", "main")):
        assert typed(monkeypatch, two.folder, *command) == code
        said = capsys.readouterr().err
        assert words in said
        assert len(said.strip().splitlines()) == 2


def test_another_machine_is_refused_unless_forced(
    two: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(s.benchmark("other"), must_equal={**s.EQUAL, "cpus": 64})
    write_benchmark(two, Content(benchmark=other))
    assert typed(monkeypatch, two.folder, "compare", "main", "other") == 6
    assert "usable CPUs: 2 before, 64 now" in capsys.readouterr().err
    assert typed(monkeypatch, two.folder, "compare", "main", "other", "--force") == 0
    assert "Compared by --force although they differ" in capsys.readouterr().out.replace("\n", " ")


def test_setting_up_wrongly_is_never_a_verdict(
    two: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (two.folder / "train.py").write_text("pass\n")
    cases = (
        (("check", "train.py"), 2),
        (("check", "train.py", "--against", "main", "--base-ref", "main"), 2),
        (("check", "train.py", "--against", "absent"), 6),
        (("check", "train.py", "--base-ref", "main"), 2),
        (("check", "absent.py", "--base-command", "python x.py"), 2),
        (("check", "train.py", "--base-command", "no-such-command x"), 2),
        (("check", "train.py", "--base-command", "'open"), 2),
        (("check", "train.py", "--against", "main", "--threshold", "fast"), 2),
        (("check", "train.py", "--against", "main", "--form", "odd"), 2),
        (("check", "train.py", "--against", "main", "--counts", "odd"), 2),
        (("check", "train.py", "--base-ref", "main", "--form", "stored"), 2),
        (("check", "train.py", "--against", "main", "--", "--epochs", "4"), 6),
        (("compare", "main", "absent"), 6),
        (("compare", "main", "no/such/place"), 6),
        (("save", "absent", "--name", "x"), 2),
        (("save", "absent", "--name", "../x"), 2),
        (("profile", "train.py", "--runs", "2"), 2),
        (("profile", "train.py", "--save", "a/b"), 2),
    )
    for words, code in cases:
        assert typed(monkeypatch, two.folder, *words) == code, words
        assert capsys.readouterr().err.strip(), words


def test_the_file_can_be_read_in_a_diff(project: Project) -> None:
    write_benchmark(project, content())
    text = (project.saved / "main.json").read_text(encoding="utf-8")
    assert benchmark_from_json(text.encode(), "main.json").name == "main"
    assert str(project.folder) not in text


def test_a_damaged_file_elsewhere_is_named(tmp_path: Path, project: Project) -> None:
    file = project.saved
    file.mkdir(parents=True)
    (file / "main.json").mkdir()
    with pytest.raises((NotComparable, DamagedFile)):
        read_benchmark(project, "main")
