"""Turn a folder's name into a folder that shows this environment's torch and its dependencies alone."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def needed(name: str, seen: set[str]) -> set[str]:
    """Return the installed distributions that `name` needs without extras, itself included."""
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:  # for another platform or Python
        return seen
    seen.add(name)
    for line in requires:
        match = re.match(r"[\w.-]+", line)
        if match and "extra ==" not in line and match.group() not in seen:
            needed(match.group(), seen)
    return seen


folder = Path(sys.argv[1])
folder.mkdir()
for name in needed("torch", set()):
    found = distribution(name)
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in {"..", "__pycache__"}}:
        link = folder / top
        if not link.exists():
            link.symlink_to(Path(str(found.locate_file(top))))
