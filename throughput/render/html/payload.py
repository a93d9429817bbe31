"""Pack what the page's canvases draw: a JSON header and columns of numbers, as text that closes no element.

Layout before compression: header length (u32, little endian), header, then the columns in the header's order.
A column is planes of bytes, the lowest bytes of all its numbers first, as many planes as its largest number
needs, one to four. So small numbers cost nothing for what they lack, and bytes of a kind compress together.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA = 2
LINE = 120
"""Characters a line of base64: editors and diffs like no longer ones."""
LARGEST = 2**32 - 1


@dataclass(slots=True)
class Payload:
    """The header's entries, and columns in the order in which they were added: name, planes, count."""

    header: dict[str, Any]
    columns: list[tuple[str, int, int]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def add(self, name: str, values: npt.ArrayLike) -> None:
        """Add a column; numbers are rounded, and cut to the nearest that 32 bits hold."""
        numbers = np.rint(np.asarray(values, dtype=np.float64))
        column = np.clip(numbers, 0, LARGEST).astype("<u4")
        width = max(1, (int(column.max(initial=0)).bit_length() + 7) // 8)
        self.columns.append((name, width, len(column)))
        self.data += column.view(np.uint8).reshape(-1, 4).T[:width].tobytes()

    def packed(self) -> str:
        """Return it as base64 in lines."""
        entries = {"schema": SCHEMA, **self.header, "sections": self.columns}
        header = json.dumps(entries, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        return packed(struct.pack("<I", len(header)) + header + bytes(self.data))


def packed(data: bytes) -> str:
    """Return bytes compressed, as lines of base64; the same bytes give the same text."""
    text = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")
    return "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
