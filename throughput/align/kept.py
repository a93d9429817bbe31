"""Read what held memory: lines whose allocations stayed (see `growth`), and kinds of tensors (`tensors`)."""

from __future__ import annotations

from typing import Any

from throughput.align.frames import FrameReader
from throughput.align.notes import Notes
from throughput.model.memory import KeptAt, KeptMemory, TensorMemory
from throughput.model.timeline import Frame


def read_kept(notes: Notes, reader: FrameReader) -> KeptMemory | None:
    """Return what stayed, by line of own code; None where no step's allocations were traced."""
    note = notes.first("kept")
    if not note:
        return None
    steps = max(int(note["steps"]), 1)
    rows: dict[tuple[str, str, int], list[int]] = {}
    for row in note["rows"]:
        frame = _place([_frame(reader, file, line) for file, line in row["frames"]])
        if frame is not None:
            sums = rows.setdefault((frame.function, frame.file, frame.line), [0, 0, 0, 0])
            for number, name in enumerate(("objects", "bytes", "tensors", "graphs")):
                sums[number] += row[name]
    lines = [_line(place, sums, steps) for place, sums in rows.items()]
    lines.sort(key=lambda line: (line.graphs_per_step == 0, -line.bytes_per_step))
    return KeptMemory(steps=steps, bytes_per_step=note["bytes"] / steps, lines=tuple(lines))


def read_tensors(notes: Notes) -> tuple[TensorMemory, ...]:
    """Return what tensors held, by device; empty where nobody looked."""
    note = notes.first("tensors")
    if not note:
        return ()
    sizes = {row["device"]: [max(0.0, float(value)) for value in row["bytes"]] for row in note["rows"]}
    counts = {row["device"]: row for row in note["devices"]}
    return tuple(
        _of_device(device, sizes.get(device, [0.0] * 4), counts.get(device, {}))
        for device in sorted({*sizes, *counts})
    )


def _of_device(device: str, sizes: list[float], counts: dict[str, Any]) -> TensorMemory:
    parameters, gradients, state, other = sizes
    peak = counts.get("allocated_peak")
    return TensorMemory(
        device=device,
        parameters_bytes=parameters,
        gradients_bytes=gradients,
        optimizer_bytes=state,
        other_bytes=other,
        allocated_peak_bytes=peak,
        activations_bytes=None if peak is None else max(0.0, peak - parameters - gradients - state),
        reserved_peak_bytes=counts.get("reserved_peak"),
        split_bytes=counts.get("split"),
        retries=counts.get("retries"),
        out_of_memory=counts.get("ooms"),
    )


def _line(place: tuple[str, str, int], sums: list[int], steps: int) -> KeptAt:
    objects, size, tensors, graphs = (value / steps for value in sums)
    function, file, line = place
    return KeptAt(
        function=function,
        file=file,
        line=line,
        objects_per_step=objects,
        bytes_per_step=size,
        tensors_per_step=tensors,
        graphs_per_step=graphs,
    )


def _frame(reader: FrameReader, file: str, line: int) -> Frame | None:
    function, first = reader.qualified.get((file, line), ("", 0))
    return reader.read(function, file, line, first)


def _place(frames: list[Frame | None]) -> Frame | None:
    """Return the innermost frame of own code, else the innermost of all."""
    seen = [frame for frame in frames if frame is not None]
    own: list[Any] = [frame for frame in seen if frame.own]
    return (own or seen or [None])[-1]
