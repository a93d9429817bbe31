"""Keep benchmarks in the project: written whole or not at all, found by name, refused with one sentence."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from throughput.compare.saved_file import LARGEST, benchmark_from_json, benchmark_to_json
from throughput.errors import DamagedFile, NotComparable, UsageError, explain_no_room, no_room
from throughput.flows.project import Project
from throughput.model.benchmark import Benchmark

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The files of a benchmark, as bytes; None where there is none."""

    benchmark: Benchmark
    stacks: bytes | None = None
    code: bytes | None = None


def check_name(name: str) -> str:
    """Return the name of a benchmark.

    Raises:
        UsageError: it can't be a file's name everywhere.
    """
    if not NAME.fullmatch(name) or name.endswith((".json", ".")):
        raise UsageError(
            f"A benchmark can't be called {name!r}.",
            hint="Use letters, digits, dots, dashes and underscores, such as main or v1.2.",
        )
    return name


def write_benchmark(project: Project, content: Content) -> tuple[Path, ...]:
    """Write a benchmark's files: whoever reads it, whenever this is ended, gets the old ones or the new ones.

    Raises:
        UsageError: the folder can't be written.
        ThroughputError: there is no room left to write.
    """
    name = check_name(content.benchmark.name)
    files = {f"{name}.code.zip": content.code, f"{name}.stacks.gz": content.stacks}
    files[f"{name}.json"] = benchmark_to_json(content.benchmark)
    try:
        project.saved.mkdir(parents=True, exist_ok=True)
        with _alone(project.saved):
            _settle(project.saved, name)
            try:
                for file, data in files.items():
                    if data is not None:
                        _stage(project.saved / file, data)
            finally:
                _settle(project.saved, name)
    except OSError as error:
        if no_room(error):
            raise explain_no_room(error, f"{name} was not saved, what was saved before is kept") from None
        raise UsageError(
            f"Can't write into {project.saved}: {error.strerror or error}.",
            hint="Make the folder writable, or set saved in [tool.throughput] of pyproject.toml.",
        ) from None
    return tuple(project.saved / file for file, data in files.items() if data is not None)


def read_benchmark(project: Project, name: str) -> Benchmark:
    """Return a saved benchmark.

    Raises:
        NotComparable: there is no such benchmark.
        DamagedFile: it is damaged, or of a newer schema.
    """
    file = project.saved / f"{name}.json"
    if NAME.fullmatch(name) and _staged(file).is_file():
        with contextlib.suppress(OSError), _alone(project.saved):  # a save was ended in between
            _settle(project.saved, name)
    if not NAME.fullmatch(name) or not file.is_file():
        known = sorted(path.stem for path in project.saved.glob("*.json")) if project.saved.is_dir() else []
        names = ", ".join(known[:NAMES_SHOWN]) + (", ..." if len(known) > NAMES_SHOWN else "")
        how = f"Save one: throughput profile train.py --save {name} --runs 5"
        hint = f"Saved here: {names}." if known else how
        raise NotComparable(f"There is no saved benchmark {name}.", hint=hint)
    return replace(read_file(file), name=name)


def read_file(file: Path) -> Benchmark:
    """Return the benchmark that a file holds.

    Raises:
        DamagedFile: it can't be read, is damaged, or of a newer schema.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise DamagedFile(f"{file.name} is too large to be a saved benchmark.", hint="Save it again.")
        return benchmark_from_json(file.read_bytes(), file.name)
    except OSError as error:
        what = f"{file} can't be read: {error.strerror or error}."
        raise DamagedFile(what, hint="Check its rights.") from None


def saved_code(project: Project, benchmark: Benchmark) -> Path | None:
    """Return the archive of a saved benchmark's code, where it is the one that was saved with it."""
    file = project.saved / f"{benchmark.name}.code.zip"
    return None if _saved_with(file, benchmark.code_sha256) is None else file


def saved_stacks(project: Project, benchmark: Benchmark) -> bytes | None:
    """Return the folded stacks of a saved benchmark, where they are those that were saved with it."""
    return _saved_with(project.saved / f"{benchmark.name}.stacks.gz", benchmark.stacks_sha256)


def _saved_with(file: Path, digest: str | None) -> bytes | None:
    """Return a file's bytes where they have the hash that the numbers name."""
    if not digest or not file.is_file() or file.is_symlink() or file.stat().st_size > LARGEST:
        return None
    data = file.read_bytes()
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _staged(file: Path) -> Path:
    """Return where a new version of a file lies, whole, until all files of its benchmark do."""
    return file.with_name(f".{file.name}.new")


def _settle(folder: Path, name: str) -> None:
    """Put in place what a save staged, or take away what one left that was ended before all was there.

    The staged numbers are the mark that all is there. They go last, so this too may be ended and begun again.
    """
    numbers, code, stacks = (folder / f"{name}{end}" for end in (".json", ".code.zip", ".stacks.gz"))
    if _staged(numbers).is_file():
        with contextlib.suppress(DamagedFile):  # by somebody else: it goes with what is left
            new = benchmark_from_json(_staged(numbers).read_bytes(), numbers.name)
            for file, digest in ((code, new.code_sha256), (stacks, new.stacks_sha256)):
                if _staged(file).is_file():
                    _staged(file).replace(file)
                elif digest is None:
                    file.unlink(missing_ok=True)
            _staged(numbers).replace(numbers)
    begun = tuple(f".{file.name}." for file in (numbers, code, stacks))
    for left in [path for path in folder.iterdir() if path.name.startswith(begun)]:
        left.unlink(missing_ok=True)


def _stage(file: Path, data: bytes) -> None:
    """Write a new version of a file beside it, whole or not at all."""
    descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(_staged(file))
    except BaseException:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one save at a time write, so that three files of one benchmark belong together."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network disks know no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
