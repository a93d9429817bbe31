"""Another version of the code beside today's: found, linked, searched first, told apart, then gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from throughput.collect.worktree import (
    Tree,
    are_tracked,
    commit_of,
    foreign_file,
    has_commit,
    pack,
    repository_of,
    search_path,
    unpacked,
    worktree,
)
from throughput.errors import NotComparable, UsageError


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *settings, "-C", str(folder), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository of two commits, with data that git ignores."""
    folder = tmp_path.resolve() / "project"
    (folder / "src" / "pkg").mkdir(parents=True)
    git(tmp_path, "init", "-q", str(folder))
    (folder / ".gitignore").write_text("data/\n")
    (folder / "train.py").write_text("old = 1\n")
    (folder / "src" / "pkg" / "__init__.py").write_text("")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    (folder / "train.py").write_text("new = 1\n")
    git(folder, "commit", "-qam", "two")
    (folder / "data").mkdir()
    (folder / "data" / "x.bin").write_bytes(b"x")
    return folder


def left(top: Path) -> list[str]:
    return git(top, "worktree", "list", "--porcelain").split("\n\n")


def test_a_revision_is_checked_out_beside_and_removed(top: Path) -> None:
    commit = commit_of(top, "HEAD~1")
    with worktree(top, commit, [Path("data")]) as tree:
        assert (tree.root / "train.py").read_text() == "old = 1\n"
        assert (tree.root / "data" / "x.bin").read_bytes() == b"x"
        assert tree.moved(top / "train.py") == tree.root / "train.py"
        assert tree.moved(Path(sys.executable)) == Path(sys.executable)
        assert len(left(top)) == 2
        root = tree.root
    assert not root.exists()
    assert not root.parent.exists()
    assert len(left(top)) == 1
    assert (top / "data" / "x.bin").exists()
    assert (top / "train.py").read_text() == "new = 1\n"


def test_it_is_removed_when_the_check_fails(top: Path) -> None:
    roots = []

    def fail() -> None:
        with worktree(top, commit_of(top, "main")) as tree:
            roots.append(tree.root)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not roots[0].exists()
    assert len(left(top)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_removed_when_the_user_ends_it(top: Path, number: signal.Signals) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from throughput.collect.worktree import *\n"
        f"top = Path({str(top)!r})\n"
        "with worktree(top, commit_of(top, 'main')) as tree:\n"
        "    print(tree.root, flush=True)\n"
        "    time.sleep(60)\n"
    )
    root_of_ours = str(Path(__file__).parents[3])
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": root_of_ours},
    )  # fmt: skip
    assert child.stdout is not None
    root = Path(child.stdout.readline().strip())
    assert root.is_dir()
    child.send_signal(number)
    assert child.wait(30) != 0
    assert not root.parent.exists()
    assert len(left(top)) == 1


def test_revisions_and_repositories(top: Path, tmp_path: Path) -> None:
    assert repository_of(top / "src") == top
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert repository_of(elsewhere) is None
    assert has_commit(top, commit_of(top, "main"))
    assert not has_commit(top, "0" * 40)
    for revision in ("absent", "--help", "-x"):
        with pytest.raises(UsageError, match="no revision"):
            commit_of(top, revision)
    assert are_tracked(top, [top / "train.py"])
    assert not are_tracked(top, [top / "train.py", top / "data" / "x.bin"])


def test_a_link_that_is_not_there_is_refused_and_nothing_is_left(top: Path) -> None:
    made = worktree(top, commit_of(top, "main"), [Path("absent")])
    with pytest.raises(UsageError, match="link names absent"), made:
        pass
    assert len(left(top)) == 1


def test_every_folder_of_the_project_is_searched_in_the_copy_first(top: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "src").mkdir(parents=True)
    tree = Tree(root=copy, project=top)
    environment = {"PYTHONPATH": os.pathsep.join([str(top / "src"), str(top / "gone"), "/elsewhere"])}
    found = search_path(sys.executable, tree, top, environment).split(os.pathsep)
    assert found[0] == str(copy / "src")
    assert str(copy / "gone") not in found
    assert found[-1] == "/elsewhere"
    assert search_path("no-such-python", tree, top, {"PYTHONPATH": ""}) == ""


EDITABLE = """
import sys, types
finder = types.ModuleType("__editable___pkg_1_finder")
finder.MAPPING = {{"pkg": {place!r}}}
sys.modules[finder.__name__] = finder
"""


def test_what_is_installed_editable_is_searched_in_the_copy(top: Path, tmp_path: Path) -> None:
    # What pip writes for a src layout: a finder that maps the package to the project's own folder.
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(EDITABLE.format(place=str(top / "src" / "pkg")))
    copy = tmp_path / "copy"
    (copy / "src").mkdir(parents=True)
    found = search_path(
        sys.executable, Tree(root=copy, project=top), top, {**os.environ, "PYTHONPATH": str(hooks)}
    )
    assert found.split(os.pathsep) == [str(copy / "src"), str(hooks)]


def test_what_a_killed_check_left_is_no_matter_to_the_next_one(top: Path, tmp_path: Path) -> None:
    git(top, "worktree", "add", "-q", "--detach", str(tmp_path / "killed" / "project"), "HEAD~1")
    shutil.rmtree(tmp_path / "killed")  # as a reboot empties the temporary folder
    with worktree(top, commit_of(top, "HEAD~1")) as tree:
        assert (tree.root / "train.py").read_text() == "old = 1\n"
    assert len(left(top)) == 1


def test_a_file_of_the_other_version_is_told(tmp_path: Path) -> None:
    own, other = tmp_path / "copy", tmp_path / "venv" / "project"
    for folder in (own, other / "pkg", other / ".venv" / "lib" / "site-packages"):
        folder.mkdir(parents=True)
    files = [own / "a.py", other / "pkg" / "b.py", other / ".venv" / "lib" / "site-packages" / "c.py"]
    for file in files:
        file.write_text("")
    assert foreign_file(map(str, files), own, other) == str(files[1])
    assert foreign_file([str(files[0]), str(files[2]), "/usr/lib/python3/x.py"], own, other) is None
    (own / "linked").symlink_to(other / "pkg")
    assert foreign_file([str(own / "linked" / "b.py")], own, other) is None


def test_saved_code_is_unpacked_with_links_to_what_is_no_code(top: Path, tmp_path: Path) -> None:
    (top / "settings.yaml").write_text("a: 1")
    archive = tmp_path / "main.code.zip"
    assert pack(archive, [top / "train.py", top / "src" / "pkg" / "__init__.py"], top) == 2
    again = tmp_path / "again.zip"
    pack(again, [top / "src" / "pkg" / "__init__.py", top / "train.py"], top)
    assert again.read_bytes() == archive.read_bytes()
    (top / "train.py").write_text("later = 1\n")
    (top / "unused.py").write_text("")
    with unpacked(archive, top) as tree:
        assert (tree.root / "train.py").read_text() == "new = 1\n"
        assert (tree.root / "settings.yaml").read_text() == "a: 1"
        assert (tree.root / "data" / "x.bin").read_bytes() == b"x"
        assert not (tree.root / "unused.py").exists()
        assert not (tree.root / ".git").exists()
        root = tree.root
    assert not root.exists()
    assert (top / "data" / "x.bin").exists()


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/outside.py"])  # literal path
def test_an_archive_that_would_write_elsewhere_is_refused(top: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(NotComparable, match="no save wrote"), unpacked(archive, top):
        pass


def test_a_damaged_archive_is_refused(top: Path, tmp_path: Path) -> None:
    archive = tmp_path / "torn.zip"
    archive.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(NotComparable, match="can't be read"), unpacked(archive, top):
        pass


def test_an_archive_with_damaged_contents_is_refused(top: Path, tmp_path: Path) -> None:
    archive = tmp_path / "rotten.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.py", "x = 1\n" * 5000)
    data = bytearray(archive.read_bytes())
    data[36:44] = b"\xff" * 8  # inside what was compressed: the head and the table stay whole
    archive.write_bytes(data)
    with pytest.raises(NotComparable, match="can't be read"), unpacked(archive, top):
        pass
