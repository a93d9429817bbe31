"""Keep results in a JSON file, each with the machine, the date and the code that it was measured with."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
SCHEMA = 1

Result = dict[str, Any]


def digest(*folders: Path) -> str:
    """Return a short hash of all Python and JSON files under the folders, links followed."""
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted(p for suffix in ("*.py", "*.json") for p in folder.rglob(suffix)):
            total.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:12]


def collector() -> str:
    """Return the hash of the code that collects and attributes: results of another one are stale."""
    stages = ("collect", "align", "attribute", "diagnose")
    return digest(*(ROOT / "throughput" / stage for stage in stages))


def machine() -> dict[str, Any]:
    """Return what a figure depends on; nothing that names the machine."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def stamp() -> dict[str, Any]:
    """Return machine, date and code of a result that begins now."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"machine": machine(), "date": now, "collector": collector()}


def load(path: Path) -> dict[str, Result]:
    """Return the results that a file keeps, by name; none where there is no file."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["schema"] != SCHEMA:
        sys.exit(f"{path.name} has schema {kept['schema']}, this reads {SCHEMA}")
    results: dict[str, Result] = kept["results"]
    return results


def save(path: Path, name: str, result: Result) -> None:
    """Keep one more result, so that an interrupted run loses at most the one under way."""
    results = load(path) | {name: result}
    text = json.dumps({"schema": SCHEMA, "results": dict(sorted(results.items()))}, indent=1)
    scratch = path.with_suffix(".part")
    scratch.write_text(text + "\n", encoding="utf-8")
    scratch.replace(path)


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
