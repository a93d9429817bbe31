"""Read `notes-<pid>.jsonl`: what the training process and its workers said of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

import msgspec

LIMIT_LINES = 500_000
Int = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]


class _Stack(msgspec.Struct):
    id: Int
    frames: list[tuple[str, str, Int, Int]]


class _Name(msgspec.Struct):
    id: Int
    name: str


class _Moment(msgspec.Struct):
    t: Int


class _Wait(msgspec.Struct):
    thread: Int
    lock: Int
    holder: Int = -1


class _Training(msgspec.Struct):
    began: Int | None = None


class _Thread(msgspec.Struct):
    tid: Int
    name: str | None = None
    native_id: Int | None = None


class _Worker(msgspec.Struct):
    worker: Int
    loader: Int = -1


class _Lock(msgspec.Struct):
    id: Int
    lock_kind: str = "Lock"
    made_file: str | None = None
    made_line: Int | None = None
    made_function: str | None = None


class _Loader(msgspec.Struct):
    loader: Int
    identity: Int = 0
    num_workers: Int | None = None
    prefetch_factor: Int | None = None
    batch_size: Int | None = None
    pin_memory: bool | None = None
    persistent_workers: bool | None = None
    in_order: bool | None = None
    start_method: str | None = None
    iterable: bool | None = None
    one_by_one: bool | None = None
    dataset: str = ""


class _Region(msgspec.Struct):
    id: Int
    names: list[str]


class _Window(msgspec.Struct):
    t: Int
    restart: bool = False
    thread: Int | None = None
    rule: str | None = None


class _Anchor(msgspec.Struct):
    monotonic: Int
    wall: Int


class _Distributed(msgspec.Struct):
    world_size: Int | None = None


class _Collector(msgspec.Struct):
    name: str
    state: str
    reason: str | None = None


class _Amount(msgspec.Struct):
    name: str
    times: Int
    total: Int
    least: Int
    most: Int


class _Instructions(msgspec.Struct):
    count: Int
    steps: Int


class _DeviceCall(msgspec.Struct):
    call: str
    stack: Int
    count: Int
    ns: Int


class _Kept(msgspec.Struct):
    frames: list[tuple[str, Int]]
    objects: Int
    bytes: Int
    tensors: Int
    graphs: Int


class _KeptRows(msgspec.Struct):
    steps: Int
    bytes: Int
    rows: list[_Kept]


class _Tensors(msgspec.Struct):
    device: str
    bytes: tuple[Int, Int, Int, Int]


class _Allocator(msgspec.Struct):
    device: str
    allocated: Int | None = None
    allocated_peak: Int | None = None
    reserved: Int | None = None
    reserved_peak: Int | None = None
    split: Int | None = None
    retries: Int | None = None
    ooms: Int | None = None


class _TensorRows(msgspec.Struct):
    rows: list[_Tensors]
    devices: list[_Allocator] = []


class _Patch(msgspec.Struct):
    name: str
    collector: str
    missing: str
    lost: str


class _Losses(msgspec.Struct):
    values: list[float | None]


class _Knob(msgspec.Struct):
    name: str


class _Text(msgspec.Struct):
    text: str


SHAPES: dict[str, type[msgspec.Struct]] = {
    "stack": _Stack,
    "name": _Name,
    "start": _Moment,
    "stopped": _Moment,
    "exit": _Moment,
    "training": _Training,
    "long_wait": _Wait,
    "wait_over": _Wait,
    "thread": _Thread,
    "worker": _Worker,
    "lock": _Lock,
    "loader": _Loader,
    "region": _Region,
    "window": _Window,
    "anchor": _Anchor,
    "distributed": _Distributed,
    "collector": _Collector,
    "amount": _Amount,
    "instructions": _Instructions,
    "device_call": _DeviceCall,
    "kept": _KeptRows,
    "tensors": _TensorRows,
    "patch": _Patch,
    "losses": _Losses,
    "knob": _Knob,
    "note": _Text,
}
"""What a note of each kind must hold for the readers to rely on it; other fields and kinds are anything."""


class Notes:
    """The notes of one process, by kind."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the notes of one kind, in the order in which they were written."""
        return (row for row in self.rows if row.get("kind") == kind)

    def first(self, kind: str) -> dict[str, Any]:
        """Return the first note of a kind; empty where there is none."""
        return next(self.of(kind), {})


def read_notes(file: BinaryIO) -> Notes:
    """Return the notes of a file; a line that isn't such a note (cut off by a kill, say) is left out."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(file):
        if number >= LIMIT_LINES:
            break
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        sound = _sound(row) if isinstance(row, dict) else None
        if sound is not None:
            rows.append(sound)
    return Notes(rows)


def _sound(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the note with its fields in the types that readers rely on; None where they can't be."""
    shape = SHAPES.get(str(row.get("kind")))
    if shape is None:
        return row
    try:
        fields = msgspec.convert(row, shape, strict=False)  # a numpy integer was written as text
    except msgspec.ValidationError:
        return None
    return {**row, **msgspec.to_builtins(fields)}
