"""Find a symbol in a 64-bit ELF file, and where a process has it mapped."""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
ELF_64_LITTLE = b"\x7fELF\x02\x01"
PT_LOAD, SHT_SYMTAB, SHT_DYNSYM = 1, 2, 11
SECTIONS_MAX = 4096
"""No library has more; a file that says so is no library."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """Where a symbol lies, from the start of its file's first mapped byte."""

    offset: int
    size: int


@lru_cache(maxsize=32)
def find_symbol(path: str, name: str) -> Symbol | None:
    """Return a symbol of an ELF file; None where the file has none of that name or can't be read."""
    try:
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _find(data, name.encode() + b"\0")
    except (OSError, OverflowError, ValueError, struct.error):
        return None


def _find(data: mmap.mmap, name: bytes) -> Symbol | None:
    if data[:6] != ELF_64_LITTLE:
        return None
    header = _HEADER.unpack_from(data)
    (segments_at, sections_at), (segments, _, sections) = header[5:7], header[10:13]
    base = _first_address(data, segments_at, segments)
    tables = [_SECTION.unpack_from(data, sections_at + i * 64) for i in range(min(sections, SECTIONS_MAX))]
    # What is exported stays when a file is stripped, and is the shorter table.
    for kind in (SHT_DYNSYM, SHT_SYMTAB):
        for table in tables:
            if table[1] == kind and table[6] < len(tables):
                found = _look_up(data, table, tables[table[6]], name)
                if found is not None:
                    return Symbol(found.offset - base, found.size)
    return None


def _first_address(data: mmap.mmap, at: int, count: int) -> int:
    for index in range(count):
        segment = _SEGMENT.unpack_from(data, at + index * _SEGMENT.size)
        if segment[0] == PT_LOAD:
            return int(segment[3]) - int(segment[2])
    return 0


def _look_up(data: mmap.mmap, table: tuple[int, ...], strings: tuple[int, ...], name: bytes) -> Symbol | None:
    start, size = strings[4], strings[5]
    place = data.find(b"\0" + name, start, start + size)
    if place < 0:
        return None
    wanted = place + 1 - start
    whole = table[5] // _SYMBOL.size * _SYMBOL.size
    for symbol in _SYMBOL.iter_unpack(data[table[4] : table[4] + whole]):
        if symbol[0] == wanted and symbol[3]:  # section 0: it is another file's
            return Symbol(symbol[4], symbol[5])
    return None


def mapped_range(pid: int, name: str, files: str) -> range | None:
    """Return the addresses of a symbol in a process: in its program or a mapped file named like `files`."""
    try:
        text = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="surrogateescape")
        running = str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return None
    seen: set[str] = set()
    for line in text.splitlines():
        place, _, offset, _, _, *path = line.split(maxsplit=5)
        if not path or path[0] in seen or int(offset, 16):
            continue
        seen.add(path[0])
        if path[0] == running or re.search(files, path[0].rpartition("/")[2]):
            symbol = find_symbol(path[0], name)
            if symbol is not None and symbol.size:
                start = int(place.partition("-")[0], 16) + symbol.offset
                return range(start, start + symbol.size)
    return None
