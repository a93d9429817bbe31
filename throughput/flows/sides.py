"""Set up the two sides of a check: today's code, and another version of it that runs beside it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from throughput.collect.options import ProfileOptions
from throughput.collect.worktree import (
    Tree,
    commit_of,
    foreign_file,
    has_commit,
    repository_of,
    search_path,
    terminated_as_interrupted,
    unpacked,
    worktree,
)
from throughput.errors import NotComparable, UsageError
from throughput.flows.project import Project
from throughput.flows.saved import saved_code
from throughput.model.benchmark import Benchmark


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Base and head, ready to run; `roots` are their folders where they are two copies of a project."""

    base: ProfileOptions
    head: ProfileOptions
    base_name: str
    head_name: str
    roots: tuple[Path, Path] | None = None

    def check_loaded(self, base: Sequence[str] | None, head: Sequence[str] | None) -> None:
        """Refuse a result where a side loaded the other's code, or doesn't say what it loaded.

        Raises:
            NotComparable: it did; the check then measured one version against itself.
        """
        if self.roots is None:
            return
        names = (self.base_name, self.head_name)
        for name, files, own, other in zip(names, (base, head), self.roots, self.roots[::-1], strict=True):
            if files is None:
                raise NotComparable(
                    f"The run of {name} ended before it said which files it loaded, so it can't be trusted.",
                    hint="Let the script end by SystemExit, without os._exit.",
                )
            found = foreign_file(files, own, other)
            if found is not None:
                raise NotComparable(
                    f"The run of {name} loaded {found}, which belongs to the other version of the code.",
                    hint="Uninstall an editable install that hooks imports and set PYTHONPATH instead; "
                    "or use --base-command.",
                )


@contextmanager
def from_revision(head: ProfileOptions, revision: str, project: Project) -> Iterator[Sides]:
    """Give today's code and that of a revision, in a worktree that is removed at the end.

    Raises:
        UsageError: no repository, or no such revision.
        NotComparable: the revision lacks the script, or the folder where it runs.
    """
    top = repository_of(_home(head))
    if top is None:
        raise UsageError(
            "--base-ref needs a git repository, and the script lies in none.",
            hint="Name the other version with --base-command instead.",
        )
    commit = commit_of(top, revision)
    with worktree(top, commit, _links(project, top)) as tree:
        name = revision if revision.startswith(commit[:7]) else f"{revision} ({commit[:8]})"
        yield _sides(head, tree, name)


@contextmanager
def from_saved(head: ProfileOptions, benchmark: Benchmark, project: Project) -> Iterator[Sides | None]:
    """Give today's code and that of a saved benchmark; None where it can't be had."""
    top = repository_of(project.folder)
    archive = saved_code(project, benchmark)
    if archive is not None:
        with unpacked(archive, project.folder, project.links) as tree:
            yield _sides(head, tree, benchmark.name)
    elif benchmark.commit and top is not None and has_commit(top, benchmark.commit):
        with worktree(top, benchmark.commit, _links(project, top)) as tree:
            yield _sides(head, tree, f"{benchmark.name} ({benchmark.commit[:8]})")
    else:
        yield None


@contextmanager
def from_command(head: ProfileOptions, text: str) -> Iterator[Sides]:
    """Give today's code and what another command runs, in the same folder.

    Raises:
        UsageError: no command, or quotes that don't end.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        what = f"--base-command can't be read: {error}."
        raise UsageError(what, hint="Quote it as a shell would.") from None
    base = ProfileOptions(arguments=words, marker=head.marker, steps=head.steps, stall_s=head.stall_s)
    base.command()
    with terminated_as_interrupted():
        yield Sides(base=base, head=_settled(head), base_name="base command", head_name="this code")


def _sides(head: ProfileOptions, tree: Tree, name: str) -> Sides:
    settled = _settled(head)
    return Sides(
        base=_moved(settled, tree, name),
        head=settled,
        base_name=name,
        head_name="this code",
        roots=(tree.root, tree.project),
    )


def _moved(head: ProfileOptions, tree: Tree, name: str) -> ProfileOptions:
    """Return the options with script, folder and search path in the copy.

    Raises:
        NotComparable: the copy lacks the script, or the folder where it runs.
        UsageError: the script lies outside of the project.
    """
    here = Path.cwd().resolve()
    folder = tree.moved(here)
    if not folder.is_dir():
        raise NotComparable(
            f"{name} has no folder {here.name}.", hint="Run the check from a folder that it has."
        )
    script = head.script
    if script is not None:
        path = (here / script).resolve()
        if not path.is_relative_to(tree.project):
            raise UsageError(
                f"{script} doesn't lie in {tree.project.name}.",
                hint="Name the other version with --base-command.",
            )
        if not tree.moved(path).exists():
            raise NotComparable(f"{name} has no {script}.", hint="Choose a base that has the script.")
        inside = not Path(script).is_absolute() and here.is_relative_to(tree.project)
        script = script if inside else str(tree.moved(path))
    environment = search_path(_asked(head), tree, here, os.environ)
    return replace(
        head,
        script=script,
        arguments=_arguments(head, tree),
        cwd=str(folder),
        variables={"PYTHONPATH": environment},
    )


def _settled(head: ProfileOptions) -> ProfileOptions:
    """Return the options with the interpreter's whole path, which another folder doesn't change."""
    head.command()
    if head.python is None:
        return head
    found = shutil.which(str(Path(head.python).expanduser())) or head.python
    return replace(head, python=str(Path.cwd() / found))


def _arguments(head: ProfileOptions, tree: Tree) -> tuple[str, ...]:
    """Return the arguments; of a bare command, absolute paths of the project's code as in the copy."""
    if head.script is not None or head.module is not None:
        return head.arguments
    paths = [Path(argument) for argument in head.arguments]
    return tuple(
        str(tree.moved(path)) if path.is_absolute() and path.suffix == ".py" else argument
        for path, argument in zip(paths, head.arguments, strict=True)
    )


def _asked(head: ProfileOptions) -> str:
    """Return the interpreter that says where it searches for modules."""
    first = head.command()[0]
    return first if Path(first).name.startswith("python") else sys.executable


def _home(head: ProfileOptions) -> Path:
    return Path(head.script_dir) if head.script is not None else Path.cwd()


def _links(project: Project, top: Path) -> tuple[Path, ...]:
    paths = [project.folder / link for link in project.links]
    return tuple(path.relative_to(top) for path in paths if path.is_relative_to(top))
