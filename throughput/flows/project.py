"""Read where a project keeps its saved benchmarks, and what a copy of its code needs beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from throughput.errors import UsageError
from throughput.flows.settings import project_folder, project_settings

SAVED = "benchmarks/saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The nearest project: its folder, where benchmarks are saved, what is linked into copies of the code."""

    folder: Path
    saved: Path
    links: tuple[Path, ...] = ()
    """Relative to the folder."""


def project_of(start: Path) -> Project:
    """Return the project that a folder belongs to.

    Raises:
        UsageError: `saved` or `link` of [tool.throughput] is no path inside the project.
    """
    folder = project_folder(start).resolve()
    settings = project_settings(start)
    links = settings.get("link", [])
    if not isinstance(links, list):
        raise UsageError(
            "[tool.throughput] link is no list.",
            hint='Write link = ["data"], paths relative to pyproject.toml.',
        )
    return Project(
        folder=folder,
        saved=folder / _inside("saved", settings.get("saved", SAVED)),
        links=tuple(_inside("link", name) for name in links),
    )


def _inside(key: str, value: Any) -> Path:
    pure = PurePosixPath(value) if isinstance(value, str) and value.strip() else None
    if pure is None or pure.is_absolute() or ".." in pure.parts:
        raise UsageError(
            f"[tool.throughput] {key} has {value!r}, which is no path inside the project.",
            hint="Write it relative to pyproject.toml.",
        )
    return Path(*pure.parts)
