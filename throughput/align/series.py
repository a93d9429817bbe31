"""Turn lines of JSON that anybody may have written into columns of counters, within bounds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from throughput.errors import DamagedFile
from throughput.model.timeline import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LINE_BYTES = 1 << 20
"""A tick of 1,000 processes takes 250 kB; a longer line is none of ours."""
FILE_BYTES = 1 << 29
"""A day of 100 processes at 4 Hz is cut to its first hours, before it fills the memory."""
SERIES = 20_000
"""Names times processes of a run that keeps starting workers; what is beyond is left out."""
LARGEST = 2.0**62
"""Counters are counts of ns or bytes in 64 bits."""

Record = dict[str, Any]


@dataclass(slots=True)
class Column:
    """One counter while it grows."""

    unit: str
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Columns:
    """Counters while they grow, by name and process."""

    _columns: dict[tuple[str, int | None], Column] = field(default_factory=dict)

    def add(self, name: str, unit: str, at: tuple[int, float | None], pid: int | None = None) -> None:
        """Append a value at a time, unless it is None: what was not measured leaves no point."""
        time_ns, value = at
        if value is None:
            return
        key = (name, pid)
        column = self._columns.get(key)
        if column is None:
            if len(self._columns) >= SERIES:
                return
            column = self._columns[key] = Column(unit)
        column.times.append(time_ns)
        column.values.append(value)

    def counters(self) -> tuple[Counter, ...]:
        """Return the counters in the order in which they were first seen."""
        return tuple(
            Counter(
                name=name,
                unit=column.unit,
                time_ns=np.array(column.times, dtype=np.int64),
                value=np.array(column.values, dtype=np.float64),
                pid=pid,
            )
            for (name, pid), column in self._columns.items()
        )


def read_lines(file: BinaryIO, form: str, schema: int) -> Iterator[Record]:
    """Yield the header, then each tick with a later time than the one before.

    Lines that are no JSON (the last one of a run that was killed, say) are left out.

    Raises:
        DamagedFile: nothing of the file is JSON, or it is of another form or a newer schema.
    """
    lines = _objects(file)
    header = next(lines, None)
    if header is None:
        return
    _refuse_other_form(header, form, schema)
    yield header
    last = -1
    for record in lines:
        now = whole(record.get("t"))
        if now is not None and now > last:
            last = now
            yield record


def whole(value: object) -> int | None:
    """Return an integer that 62 bits hold and that is not negative; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST:
        return value
    return None


def number(value: object) -> float | None:
    """Return a finite number of reasonable size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if -LARGEST < value < LARGEST else None


def mapping(value: object) -> Record:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _objects(file: BinaryIO) -> Iterator[Record]:
    """Yield every line that is a JSON object, within the caps."""
    seen = total = 0
    damaged = False
    while total < FILE_BYTES:
        line = file.readline(LINE_BYTES + 1)
        if not line:
            break
        total += len(line)
        record = _object(line) if len(line) <= LINE_BYTES else None
        if record is None:
            damaged = damaged or bool(line.strip())
            continue
        seen += 1
        yield record
    if damaged and not seen:
        raise DamagedFile(
            f"{getattr(file, 'name', 'a counter file')} holds no line of JSON.",
            hint="Profile the run again; the other raw files may still be read.",
        )


def _object(line: bytes) -> Record | None:
    try:
        record = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _refuse_other_form(header: Record, form: str, schema: int) -> None:
    if header.get("format") != form:
        raise DamagedFile(f"This is no file of the form {form}.", hint="Profile the run again.")
    version = whole(header.get("schema"))
    if version is None or version > schema:
        raise DamagedFile(
            f"{form} has schema {header.get('schema')!s:.20}, and this version reads up to {schema}.",
            hint="Read it with the version of throughput that wrote it, or a newer one.",
        )
