"""List and open trace files that lie elsewhere: behind URLs that fsspec knows (s3://, gs://, ...)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

from throughput.collect.secrets import mask
from throughput.errors import DamagedFile, ThroughputError, UsageError, said

FAR = re.compile(r"^[A-Za-z][\w+.-]*(?:::[A-Za-z][\w+.-]*)*://")
"""A URL; `zip::s3://...` are file systems in one another. No path of a machine begins so."""
PATTERN = re.compile(r"[*\[]")
"""A question mark begins the query of a web address."""
DEPTH = 3
"""Of a folder: a run directory keeps the trace of a rank in raw/rank-0000/."""
INSTALL = "pip install fsspec, and for s3:// s3fs, for gs:// gcsfs."
ACCESS = "See that this machine may read it: its network, its credentials."

Chooser = Callable[[Sequence[str]], list[str]]
"""Picks traces among the names of a folder's files."""


def is_far(name: str) -> bool:
    """Return whether a name is a URL rather than a path of this machine."""
    return FAR.match(name) is not None


def far_traces(url: str, choose: Chooser) -> list[str]:
    """Return the URLs of the traces that a URL names: a file, a folder, or all that match a pattern.

    Raises:
        UsageError: there is nothing, it can't be listed, or a package for it is missing.
    """
    system, path = _system(url)
    try:
        if PATTERN.search(path):
            return [str(system.unstrip_protocol(one)) for one in _files(system, path)]
        if system.isdir(path):
            begin = len(path.rstrip("/")) + 1
            names = [str(one)[begin:] for one in system.find(path, maxdepth=DEPTH)]
            return [f"{url.rstrip('/')}/{name}" for name in choose(names)]
        there = bool(system.exists(path))
    except Exception as error:  # noqa: BLE001 - each file system raises what it likes
        raise UsageError(f"{mask(url)} can't be listed: {mask(said(error))}.", hint=ACCESS) from None
    if not there:
        raise UsageError(f"{mask(url)} is not there.", hint="Name a trace file, or a folder of traces.")
    return [url]


def _files(system: Any, pattern: str) -> list[str]:
    """Return the files that match: whoever writes a pattern says which."""
    return sorted(str(one) for one in system.glob(pattern) if not system.isdir(one))


def open_far(url: str) -> BinaryIO:
    """Open a file behind a URL.

    Raises:
        UsageError: a package for it is missing.
        DamagedFile: it can't be opened.
    """
    system, path = _system(url)
    try:
        return cast("BinaryIO", system.open(path, "rb"))
    except Exception as error:  # noqa: BLE001 - each file system raises what it likes
        raise DamagedFile(f"{mask(url)} can't be opened: {mask(said(error))}.", hint=ACCESS) from None


def _system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    scheme = url.partition("://")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UsageError(f"{scheme}:// needs fsspec, which is not installed.", hint=INSTALL) from None
    try:
        system, path = url_to_fs(url)
    except ImportError as error:  # its words: "Install s3fs to access S3"
        raise UsageError(f"{scheme}:// can't be read here: {mask(said(error))}.", hint=INSTALL) from None
    except ThroughputError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system raises what it likes
        raise UsageError(f"{mask(url)} can't be read: {mask(said(error))}.", hint=ACCESS) from None
    return system, str(path)
