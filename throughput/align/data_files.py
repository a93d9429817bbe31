"""Read `data_files.json`: how large the data set is, as far as its files were seen (see the collector)."""

from __future__ import annotations

from typing import Annotated, BinaryIO

import msgspec

from throughput.errors import DamagedFile
from throughput.model.timeline import DataFiles

FORMAT = "throughput.data_files"
SCHEMA = 1
LIMIT_BYTES = 32_000_000
Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class _Record(msgspec.Struct):
    format: str
    schema: int
    files: Size
    bytes: Size
    whole: bool
    file_systems: list[str]
    room_bytes: Size | None = None


def read_data_files(file: BinaryIO) -> DataFiles:
    """Return what was seen of the data set's files.

    Raises:
        DamagedFile: it is no file of ours, or is of a newer schema.
    """
    hint = "Profile the run again; the other raw files may still be read."
    data = file.read(LIMIT_BYTES + 1)
    try:
        found = msgspec.json.decode(data, type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"data_files.json is damaged: {error}.", hint=hint) from None
    if found.format != FORMAT or found.schema > SCHEMA or len(data) > LIMIT_BYTES:
        raise DamagedFile("data_files.json is of another form, or of a newer version.", hint=hint)
    return DataFiles(
        files=found.files,
        size_bytes=found.bytes,
        is_whole=found.whole,
        file_systems=tuple(found.file_systems),
        room_bytes=found.room_bytes,
    )
