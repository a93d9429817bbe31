"""Which code ran: commit, diff without secrets, hashes; nothing breaks it, no repository's program runs."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from throughput.collect import code_state as module
from throughput.collect.code_state import code_state, file_hash, module_hashes
from throughput.model.run import Code


def git(folder: Path, *arguments: str) -> str:
    who = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=x",
    )
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit; the script lies in a folder of it."""
    git(tmp_path, "init", "-q")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("lr = 0.1\n")
    (tmp_path / "secrets.yaml").write_text("a: 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_checkout(repository: Path) -> None:
    script = repository / "code" / "train.py"
    (repository / "untracked.txt").write_text("data")
    code = code_state(script, Path("/"))
    assert code.commit == git(repository, "rev-parse", "HEAD").strip()
    assert code.dirty is False
    assert code.diff is None
    assert code.script_sha256 == hashlib.sha256(b"lr = 0.1\n").hexdigest()
    assert code_state(None, repository).commit == code.commit
    assert code_state(None, repository).script_sha256 is None


def test_a_dirty_checkout_without_its_secrets(repository: Path) -> None:
    (repository / "code" / "train.py").write_text('lr = 0.2\napi_key = "abcd1234"\n')
    (repository / "secrets.yaml").write_text("a: hidden\n")
    code = code_state(repository / "code" / "train.py", repository)
    assert code.dirty is True
    assert code.diff is not None
    assert "+lr = 0.2\n" in code.diff
    assert "--- a/code/train.py" in code.diff
    assert 'api_key = "***"' in code.diff
    assert "hidden" not in code.diff
    assert "abcd1234" not in code.diff
    assert "# left out: 1 changed files whose names look secret" in code.diff


def test_only_secret_files_changed(repository: Path) -> None:
    (repository / "secrets.yaml").write_text("a: hidden\n")
    assert code_state(None, repository).diff == "# left out: 1 changed files whose names look secret\n"


def test_a_long_diff_is_cut_at_a_line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIFF_BYTES", 2000)
    monkeypatch.setattr(module, "MARGIN_BYTES", 500)
    (repository / "code" / "train.py").write_text("x = 12345678\n" * 5000)
    diff = code_state(None, repository).diff
    assert diff is not None
    assert len(diff) < 2100
    assert diff.endswith("+x = 12345678\n# cut after 2 kB\n")


def test_many_files_are_capped(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIFF_FILES", 0)
    (repository / "code" / "train.py").write_text("changed\n")
    assert code_state(None, repository).diff == "# left out: 1 more changed files\n"


def test_a_repositorys_own_programs_are_not_run(repository: Path) -> None:
    trap = repository / "trap"
    git(repository, "config", "diff.external", f"touch {trap}")
    git(repository, "config", "core.fsmonitor", f"touch {trap}")
    git(repository, "config", "diff.bad.textconv", f"touch {trap}; cat")
    git(repository, "config", "core.pager", f"touch {trap}; cat")
    (repository / ".gitattributes").write_text("*.py diff=bad\n")
    (repository / "code" / "train.py").write_text("lr = 0.2\n")
    code = code_state(repository / "code" / "train.py", repository)
    assert code.diff is not None
    assert "+lr = 0.2" in code.diff
    assert not trap.exists()


def test_odd_names(repository: Path) -> None:
    odd = repository / ":(top)ü b.py"
    odd.write_text("a\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "odd")
    odd.write_text("b\n")
    diff = code_state(None, repository).diff
    assert diff is not None
    assert "ü b.py" in diff
    assert "+b" in diff


def test_no_commit_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("")
    code = code_state(tmp_path / "train.py", tmp_path)
    assert (code.commit, code.dirty, code.diff) == (None, None, None)
    assert code.script_sha256 is not None


def test_no_repository_no_git_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert code_state(tmp_path / "none.py", tmp_path) == Code()
    monkeypatch.setenv("PATH", "")
    assert code_state(tmp_path / "none.py", tmp_path) == Code()
    assert code_state(None, Path("\0")) == Code()


def test_git_that_hangs_is_left(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(module, "GIT_SECONDS", 0.2)
    assert code_state(None, repository) == Code()


def test_hashes_of_modules(tmp_path: Path) -> None:
    inside, outside = tmp_path / "own" / "a.py", tmp_path / "b.py"
    inside.parent.mkdir()
    inside.write_text("1")
    outside.write_text("2")
    hashes = module_hashes([inside, outside, tmp_path / "none.py", tmp_path], tmp_path / "own")
    assert hashes == {
        "a.py": hashlib.sha256(b"1").hexdigest(),
        outside.as_posix(): hashlib.sha256(b"2").hexdigest(),
    }
    assert file_hash(tmp_path) is None


def test_a_huge_file_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HASHED_BYTES", 3)
    (tmp_path / "a").write_text("1234")
    assert file_hash(tmp_path / "a") is None
