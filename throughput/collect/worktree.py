"""Put another version of the project's code beside today's: a git worktree, or saved files unpacked.

The copy lies in a temporary folder and is removed whatever happens, also after Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from throughput.collect.code_state import GIT
from throughput.errors import NotComparable, UsageError

if TYPE_CHECKING:
    from types import FrameType

GIT_SECONDS = 300.0
"""A checkout of a large repository on a slow disk, its large files included."""
ASK_SECONDS = 60.0
LIBRARIES = ("site-packages", "dist-packages", "__pycache__", ".git", ".venv", "venv", "node_modules")
HASH = re.compile(r"[0-9a-f]{7,64}")
SAVED_BYTES_MAX = 50_000_000
"""Saved code unpacked; an honest one has 1 MB."""

# What the script's interpreter would search, and where editable installs point.
ASK = """
import json, sys
paths = list(sys.path[1:])
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        for place in getattr(module, "MAPPING", {}).values():
            paths.append(str(place).rpartition("/")[0])
print("\\n" + json.dumps(paths))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A copy of the project's code: `root` stands for `project`."""

    root: Path
    project: Path

    def moved(self, path: Path) -> Path:
        """Return what stands for a path of the project in the copy; one outside stays as it is."""
        return self.root / path.relative_to(self.project) if path.is_relative_to(self.project) else path


def repository_of(folder: Path) -> Path | None:
    """Return the top of the git repository that holds a folder; None where there is none."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    text = done.stdout.strip() if done is not None and done.returncode == 0 else ""
    return Path(text).resolve() if text else None


def commit_of(top: Path, revision: str) -> str:
    """Return the full hash of a revision.

    Raises:
        UsageError: there is no such revision.
    """
    done = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done is None or done.returncode != 0 or not done.stdout.strip():
        raise UsageError(
            f"There is no revision {revision} in {top.name}.",
            hint="Name a branch, tag or commit that `git log` knows here; a shallow clone may lack it.",
        )
    return done.stdout.strip()


def has_commit(top: Path, commit: str) -> bool:
    """Return whether a repository holds a commit, given by its hash."""
    if not HASH.fullmatch(commit):
        return False
    done = _git(top, "cat-file", "-e", f"{commit}^{{commit}}")
    return done is not None and done.returncode == 0


def are_tracked(top: Path, files: Iterable[Path]) -> bool:
    """Return whether git keeps all of these files."""
    names = [str(file) for file in files]
    done = _git(top, "ls-files", "--error-unmatch", "-z", "--", *names) if names else None
    return done is not None and done.returncode == 0


@contextmanager
def worktree(top: Path, commit: str, links: Sequence[Path] = ()) -> Iterator[Tree]:
    """Give the code of a commit; it is removed at the end, also after Ctrl-C or SIGTERM.

    Args:
        top: the repository.
        commit: a full hash.
        links: files and folders of the project that git ignores and the copy needs, relative to `top`.

    Raises:
        UsageError: git can't make it, or a link is not there.
    """
    with _temporary() as folder:
        root = folder / top.name
        try:
            done = _git(top, "worktree", "add", "--detach", "--force", str(root), commit)
            if done is None or done.returncode != 0:
                said = done.stderr.strip().splitlines() if done is not None else []
                raise UsageError(
                    f"git can't check out {commit[:12]} beside the project.",
                    hint=said[-1] if said else "Is git installed, and the temporary folder not full?",
                )
            link_into(Tree(root=root, project=top), links)
            yield Tree(root=root, project=top)
        finally:
            with _unhurried():
                _git(top, "worktree", "remove", "--force", str(root))
                shutil.rmtree(root, ignore_errors=True)
                _git(top, "worktree", "prune")


@contextmanager
def unpacked(archive: Path, project: Path, links: Sequence[Path] = ()) -> Iterator[Tree]:
    """Give saved code: the archive's files, and links to all of the project that is no Python.

    Raises:
        NotComparable: the archive can't be read, or holds what no save wrote.
    """
    with _temporary() as folder:
        tree = Tree(root=folder / project.name, project=project)
        tree.root.mkdir()
        _extract(archive, tree.root)
        link_into(tree, links)
        _link_the_rest(tree.root, project)
        yield tree


def pack(archive: Path, files: Iterable[Path], project: Path) -> int:
    """Write the files under their paths in the project; return how many there are."""
    number = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(set(files)):
            # A fixed date: the same code gives the same archive.
            entry = zipfile.ZipInfo(file.relative_to(project).as_posix(), (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())
            number += 1
    return number


def link_into(tree: Tree, links: Sequence[Path]) -> None:
    """Link what git doesn't keep into a copy; what the copy has already stays.

    Raises:
        UsageError: such a file or folder is not in the project.
    """
    for name in links:
        source, target = tree.project / name, tree.root / name
        if not source.exists():
            raise UsageError(
                f"[tool.throughput] link names {name}, which is not there.", hint="Mend it in pyproject.toml."
            )
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def search_path(python: str, tree: Tree, folder: Path, environment: Mapping[str, str]) -> str:
    """Return the PYTHONPATH under which the copy is imported, whatever is installed editable.

    Every folder of the project that the interpreter would search is searched in the copy, and first.
    """
    found = [*_searched(python, folder, environment), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    moved = []
    for text in found:
        path = Path(os.path.normpath(folder / text)) if text else None
        if path is None or not _is_code_of(path, tree.project):
            continue
        if tree.moved(path).is_dir():
            moved.append(str(tree.moved(path)))
    rest = [text for text in environment.get("PYTHONPATH", "").split(os.pathsep) if text]
    return os.pathsep.join(dict.fromkeys([*moved, *rest]))


def foreign_file(files: Iterable[str], own: Path, other: Path) -> str | None:
    """Return the first loaded file that belongs to the other version of the code; None where none does."""
    for name in files:
        real = Path(os.path.realpath(name))
        if not Path(name).is_relative_to(own) and not real.is_relative_to(own) and _is_code_of(real, other):
            return name
    return None


def _is_code_of(path: Path, project: Path) -> bool:
    """Return whether a path lies in a project, and not in an environment that lies in there too."""
    return path.is_relative_to(project) and not set(LIBRARIES) & set(path.relative_to(project).parts)


def _searched(python: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the folders that an interpreter searches; none where it doesn't say."""
    try:
        done = subprocess.run(
            [python, "-c", ASK],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return []
    return [str(path) for path in found] if isinstance(found, list) else []


def _extract(archive: Path, root: Path) -> None:
    hint = "Save the benchmark again, or compare with a revision: --base-ref REV."
    try:
        with zipfile.ZipFile(archive) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > SAVED_BYTES_MAX:
                raise NotComparable(f"{archive.name} is too large to be saved code.", hint=hint)
            for entry in packed.infolist():
                name = PurePosixPath(entry.filename)
                if name.is_absolute() or ".." in name.parts or entry.is_dir():
                    raise NotComparable(f"{archive.name} holds a path that no save wrote.", hint=hint)
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(packed.read(entry))
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise NotComparable(f"{archive.name} can't be read: {error}.", hint=hint) from None


def _link_the_rest(root: Path, project: Path) -> None:
    """Link what stands beside saved files and is no code: data, settings, folders without saved files."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]:
        beside = project / folder.relative_to(root)
        for source in beside.iterdir() if beside.is_dir() else ():
            target = folder / source.name
            if source.suffix == ".py" or source.name in LIBRARIES or target.exists() or target.is_symlink():
                continue
            target.symlink_to(source)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """Return how git ended; None where it is missing or takes too long. Hooks don't run."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            [*GIT, "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=GIT_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C is ours: a removal that it breaks off would leave the copy
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


@contextmanager
def _temporary() -> Iterator[Path]:
    """Give a folder that is removed at the end, also when SIGTERM ends us."""
    folder = Path(tempfile.mkdtemp(prefix="throughput-")).resolve()
    try:
        with terminated_as_interrupted():
            yield folder
    finally:
        with _unhurried():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, so that everything is cleaned up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _unhurried() -> Iterator[None]:
    """Let a second Ctrl-C wait until what is being removed is gone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            with contextlib.suppress(TypeError, ValueError):
                signal.signal(number, old)
