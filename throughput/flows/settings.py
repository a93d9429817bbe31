"""Read a project's defaults: `[tool.throughput]` of the nearest pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from throughput.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def project_settings(start: Path) -> dict[str, Any]:
    """Return the defaults that hold for a folder; empty where no pyproject.toml has any.

    Raises:
        UsageError: the nearest pyproject.toml can't be read as TOML.
    """
    file = project_folder(start) / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(
            f"{file} can't be read: {error}.", hint="Mend it, or run from another folder."
        ) from None
    tools = found.get("tool")
    settings = tools.get("throughput") if isinstance(tools, dict) else None
    return settings if isinstance(settings, dict) else {}


def project_folder(start: Path) -> Path:
    """Return the folder of the nearest pyproject.toml; the folder itself where there is none."""
    folders = (start, *start.parents)
    return next((folder for folder in folders if (folder / "pyproject.toml").is_file()), start)
