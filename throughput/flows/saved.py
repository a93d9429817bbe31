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
    """Write a benchmark's files; a reader sees the old ones or the new ones, the numbers last.

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
            for file, data in files.items():
                _write(project.saved / file, data)
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
    if not benchmark.code_sha256 or not file.is_file() or file.is_symlink():
        return None
    return file if hashlib.sha256(file.read_bytes()).hexdigest() == benchmark.code_sha256 else None


def _write(file: Path, data: bytes | None) -> None:
    """Put a whole file in place, or take an old one away."""
    if data is None:
        file.unlink(missing_ok=True)
        return
    descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(file)
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
