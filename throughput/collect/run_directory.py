"""Lay out a run directory, and write and read its `run.json`.

run.json  report.json  report.md  report.html
raw/output.log  raw/counters.jsonl  raw/data_files.json  raw/gpu.jsonl  raw/sources.json
raw/rank-0000/   events-<pid>.i64  steps-<pid>.i64  notes-<pid>.jsonl  live  stacks.json  torch-trace.json.gz
                 calls-*.json
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from throughput.errors import DamagedFile, UsageError
from throughput.model.place import legible
from throughput.model.run import RUN_SCHEMA, Run

LIMIT_BYTES = 64_000_000
"""A larger run.json is nobody's honest run."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The paths of one run."""

    path: Path

    @property
    def raw(self) -> Path:
        """Where the collectors write."""
        return self.path / "raw"

    def ranks(self) -> tuple[Path, ...]:
        """Return the folders of the ranks that trained, in order; links are left out."""
        if not self.raw.is_dir():
            return ()
        found = [p for p in self.raw.iterdir() if re.fullmatch(r"rank-\d{4,}", p.name)]
        return tuple(sorted(p for p in found if p.is_dir() and not p.is_symlink()))

    def write_run(self, run: Run) -> None:
        """Write `run.json`, whole or not at all."""
        try:
            data = msgspec.json.encode(run)
        except UnicodeEncodeError:  # a path or an argument whose bytes are no text
            data = json.dumps(_legible(msgspec.to_builtins(run)), ensure_ascii=False).encode()
        write_whole(self.path / "run.json", msgspec.json.format(data, indent=1))

    def read_run(self) -> Run:
        """Return the run of this directory.

        Raises:
            UsageError: there is no run here.
            DamagedFile: `run.json` is damaged, too large, or of a newer schema.
        """
        file = self.path / "run.json"
        if not file.is_file():
            raise UsageError(
                f"{self.path} is no run directory: it has no run.json.",
                hint="Name a folder that `throughput profile` wrote.",
            )
        if file.stat().st_size > LIMIT_BYTES:
            raise DamagedFile(f"{file} is too large to be a run.", hint="Profile again.")
        return decode_run(file.read_bytes(), str(file))


def decode_run(data: bytes, name: str) -> Run:
    """Return the run that `data` holds; `name` is for the message.

    Raises:
        DamagedFile: damaged, or of a newer schema.
    """
    try:
        plain = msgspec.json.decode(data)
        schema = plain.get("schema")
        if not isinstance(schema, int):
            raise TypeError("no schema number")
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(f"{name} is damaged: {error}.", hint="Profile again.") from None
    if schema > RUN_SCHEMA:
        raise DamagedFile(
            f"{name} was written by a newer throughput (schema {schema}; this one reads up to {RUN_SCHEMA}).",
            hint="Upgrade throughput: pip install -U throughput.",
        )
    try:
        return msgspec.convert(plain, Run)
    except msgspec.ValidationError as error:
        raise DamagedFile(f"{name} is damaged: {error}.", hint="Profile again.") from None


def _legible(value: Any) -> Any:
    """Return builtins with every text in them legible."""
    if isinstance(value, dict):
        return {_legible(k): _legible(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_legible(v) for v in value]
    return legible(value) if isinstance(value, str) else value


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def new_run_directory(out: str | None, name: str, started: dt.datetime) -> RunDirectory:
    """Make the run directory: `out`, or `reports/<date-time>-<script>` here.

    Raises:
        UsageError: it can't be written, or it holds something else already.
    """
    base = Path(name).name.removesuffix(".py")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-.") or "run"
    path = Path(out) if out else Path("reports") / f"{started:%Y%m%d-%H%M%S}-{stem}"
    if not out:
        path = _free(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError(f"{path} is not empty.", hint="Choose another --out, or remove it.")
        (path / "raw").mkdir()
        probe = path / "raw" / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"Can't write into {path}: {error.strerror or error}.", hint="Choose another --out DIR."
        ) from None
    return RunDirectory(path.resolve())


def _free(path: Path) -> Path:
    number, candidate = 2, path
    while candidate.exists():
        candidate = path.with_name(f"{path.name}-{number}")
        number += 1
    return candidate
