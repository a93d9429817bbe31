"""Stream a trace file, gzipped or plain, of any Unicode encoding, in blocks of UTF-8."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from typing import Protocol

BLOCK_BYTES = 4_000_000
"""Of text at a time: larger ones decode no faster, and hold more memory."""
SLICE_BYTES = 32_768
"""Of compressed data at a time: what a damaged slice would have given is lost with it."""
LIMIT_BYTES = 32_000_000_000
"""Of text: no honest trace is larger; a bomb of zeros is."""
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"{\x00", "utf-16-le"),
    (b"[\x00", "utf-16-le"),
    (b"\x00{", "utf-16-be"),
    (b"\x00[", "utf-16-be"),
)
"""How a file begins -> its encoding; without a match it is UTF-8."""


class Readable(Protocol):
    """A file to read from its beginning to its end, near or far."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, so many at most; none at the end."""


class TextStream:
    """The text of a trace file; `cut_off` says why it ends before the file was whole, if it does."""

    def __init__(self, file: Readable) -> None:
        self.file = file
        self.cut_off: str | None = None

    def blocks(self) -> Iterator[bytes]:
        """Yield blocks of UTF-8 text, not cut at any particular place."""
        total = 0
        decoder: codecs.IncrementalDecoder | None = None
        for number, block in enumerate(self._unzipped()):
            if number == 0:
                name = next((name for mark, name in BYTE_ORDER_MARKS if block.startswith(mark)), None)
                decoder = codecs.getincrementaldecoder(name)(errors="replace") if name else None
            total += len(block)
            if total > LIMIT_BYTES:
                self.cut_off = "it is larger than any honest trace"
                return
            yield decoder.decode(block).encode("utf-8", "replace") if decoder else block

    def _unzipped(self) -> Iterator[bytes]:
        first = self.file.read(SLICE_BYTES)
        if first.startswith(GZIP):
            yield from _joined(self._members(first))
            return
        rest = self.file.read(BLOCK_BYTES)
        yield first + rest
        while rest:
            rest = self.file.read(BLOCK_BYTES)
            yield rest

    def _members(self, data: bytes) -> Iterator[bytes]:
        """Yield the text of each gzip member in turn, up to where the data is damaged or ends."""
        unzip = zlib.decompressobj(wbits=31)
        try:
            while data:
                yield unzip.decompress(data, BLOCK_BYTES)
                if not unzip.eof:
                    data = unzip.unconsumed_tail or self.file.read(SLICE_BYTES)
                    continue
                data = unzip.unused_data
                if len(data) < len(GZIP):
                    data += self.file.read(SLICE_BYTES)
                if not data.startswith(GZIP):  # the end, or padding after it
                    return
                unzip = zlib.decompressobj(wbits=31)
            yield unzip.flush()
        except zlib.error as error:
            self.cut_off = f"its compressed data is damaged ({error})"
            return
        if not unzip.eof:
            self.cut_off = "its compressed data ends early"


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces joined to blocks."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
