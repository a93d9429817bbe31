"""Pack what the page's canvases draw: a JSON header and typed columns, as text that closes no element.

Layout before compression: header length (u32, little endian), header, padding to 8 bytes, then the columns,
each beginning at a multiple of 8. Types: u8, u16, u32, and p32: 32-bit numbers as four planes of bytes,
lowest first, which compress better where most are small.
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

SCHEMA = 1
LINE = 120
"""Characters a line of base64: editors and diffs like no longer ones."""
LARGEST = 2**32 - 1
TYPES = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "p32": "<u4"}


@dataclass(slots=True)
class Payload:
    """The header's entries, and columns in the order in which they were added."""

    header: dict[str, Any]
    columns: list[tuple[str, str, int, int]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def add(self, name: str, kind: str, values: npt.ArrayLike) -> None:
        """Add a column; numbers that its type can't hold are cut to the nearest that it can."""
        numbers = np.rint(np.asarray(values, dtype=np.float64))
        most = np.iinfo(np.dtype(TYPES[kind])).max
        column = np.clip(numbers, 0, most).astype(TYPES[kind])
        raw = column.view(np.uint8).reshape(-1, 4).T.tobytes() if kind == "p32" else column.tobytes()
        self.columns.append((name, kind, len(self.data), len(column)))
        self.data += raw + bytes(-len(raw) % 8)

    def packed(self) -> str:
        """Return it as base64 in lines."""
        entries = {"schema": SCHEMA, **self.header, "sections": self.columns}
        header = json.dumps(entries, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        start = struct.pack("<I", len(header)) + header
        return packed(start + bytes(-len(start) % 8) + bytes(self.data))


def packed(data: bytes) -> str:
    """Return bytes compressed, as lines of base64; the same bytes give the same text."""
    text = base64.b64encode(gzip.compress(data, 6, mtime=0)).decode("ascii")
    return "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
