"""Open the raw files of a run directory, own or somebody else's: no links, no monsters."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from throughput.errors import DamagedFile

NAMES_MAX = 10_000
FILE_BYTES_MAX = 2_000_000_000


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The regular files of one folder."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of the regular files, links left out."""
        found = []
        for number, path in enumerate(self.folder.iterdir()):
            if number >= NAMES_MAX:
                break
            if stat.S_ISREG(path.lstat().st_mode):
                found.append(path.name)
        return tuple(sorted(found))

    def open(self, name: str) -> BinaryIO:
        """Open a file of this folder.

        Raises:
            DamagedFile: a link, a device, or too large.
        """
        path = self.folder / name
        if "/" in name or not stat.S_ISREG(path.lstat().st_mode):
            raise DamagedFile(f"{path} is no regular file.", hint="Profile again.")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise DamagedFile(f"{path} is too large.", hint="Profile fewer steps.")
        return path.open("rb")
