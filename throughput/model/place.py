"""Say where a file belongs: own code (under the script's folder, or in no library) or a library's module."""

from __future__ import annotations

import os
import re

_LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages)[/\\](.*)$")
_STANDARD = re.compile(r"[/\\]lib[/\\]python3\.\d+[/\\](?!site-packages|dist-packages)(.*)$")


def place_of(file: str, script_dir: str) -> tuple[str, str, bool]:
    """Return (path to show, dotted library module or "", whether it is own code).

    A packaged trainer (its script lies in site-packages) owns what lies under its script's folder.
    """
    if file.startswith("<") or not file:
        return file or "<unknown>", file.strip("<>").removeprefix("frozen "), False
    under = _under(file, script_dir)
    inside = bool(under) and not _LIBRARY.search("/" + under) and not _STANDARD.search("/" + under)
    for pattern in (_LIBRARY, _STANDARD):
        match = pattern.search(file)
        if match and not inside:
            return match.group(1), _module_of(match.group(1)), False
    return under or file, "", True


def legible(text: str) -> str:
    """Return text that UTF-8 can hold: bytes of a file name that are no text become U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _under(file: str, folder: str) -> str:
    """Return the path relative to the folder, or "" where it lies elsewhere."""
    prefix = folder.rstrip("/\\") + os.sep if folder else ""
    return file[len(prefix) :] if prefix and file.startswith(prefix) else ""


def _module_of(path: str) -> str:
    dotted = re.sub(r"\.pyc?$|\.so$", "", path).replace("\\", ".").replace("/", ".")
    return dotted.removesuffix(".__init__")
