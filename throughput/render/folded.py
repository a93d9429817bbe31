"""Keep a run's flame graphs as folded stacks, small enough to be committed, and read them back beside a run.

A line is `tab;category;frame;...;frame ns`: ns a step, frames outermost first, each `function (file:line)`.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from throughput.errors import DamagedFile
from throughput.model.category import CATEGORIES, Category
from throughput.model.flame import FlameRows, Flames, synthetic
from throughput.model.timeline import Frame, Stacks
from throughput.render import view

KEPT = ("training", "blame", "workers")
"""Tabs that are kept: all threads together are many stacks, and nobody compares them."""
WHOLE = ("training", "blame")
"""Tabs that sum to the step."""
SHARE_MIN = 0.001
"""Of a step: a thinner stack is too few samples to compare."""
BYTES_MAX = 300_000
"""Of the compressed file: it is meant to be committed."""
UNPACKED_MAX = 50_000_000
"""Bytes; an honest file has a tenth of it."""
NAME_LIMIT = 120
_AGAIN = "Save the benchmark again, or restore its files from version control."
THIN = "stacks too thin to be saved"
FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)", re.DOTALL)
NUMBER = {category.value: number for number, category in enumerate(CATEGORIES)}


def folded_stacks(flames: Flames) -> bytes | None:
    """Return the flame graphs as folded lines, gzipped, the largest where not all fit; None without any."""
    lines = [f"{stack} {value}" for stack, value in _stacks(flames)]
    while lines:
        packed = gzip.compress(("\n".join(sorted(lines)) + "\n").encode("utf-8", "replace"), mtime=0)
        if len(packed) <= BYTES_MAX:
            return packed
        lines = lines[: len(lines) // 2]
    return None


def read_folded(data: bytes, beside: Flames, *, step_ns: float, scale: float = 1.0) -> Flames:
    """Return the flame graphs that were kept, with their frames as those of the run that they stand beside.

    Args:
        data: what `folded_stacks` gave.
        beside: the flame graphs of that run: what its code is called there.
        step_ns: the step that the tabs "training" and "blame" sum to.
        scale: what to multiply all times by.

    Raises:
        DamagedFile: it can't be read.
    """
    table = _Table.of(beside)
    columns: dict[str, list[tuple[int, int, float]]] = {}
    for line in _lines(data):
        tab, category, *frames, ns = _parsed(line)
        if tab not in KEPT or category not in NUMBER:
            raise DamagedFile("The saved stacks are damaged: they name no tab and category.", hint=_AGAIN)
        columns.setdefault(tab, []).append((table.stack(frames), NUMBER[category], float(ns) * scale))
    tabs = [_rows(tab, _fitted(table, tab, rows, step_ns)) for tab, rows in columns.items()]
    return Flames(stacks=table.done(), tabs=tuple(tabs))


def _stacks(flames: Flames) -> list[tuple[str, int]]:
    """Return stacks with their time a step, ns, the largest first."""
    sums: dict[str, float] = {}
    whole = 0.0
    for rows in flames.tabs:
        if rows.tab not in KEPT or not rows.steps:
            continue
        whole = max(whole, float(rows.ns.sum()) / rows.steps if rows.tab in WHOLE else 0.0)
        for text, ns in _of_tab(flames.stacks, rows):
            sums[text] = sums.get(text, 0.0) + ns
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return [(text, round(ns)) for text, ns in ranked if ns >= max(SHARE_MIN * whole, 1.0)]


def _of_tab(stacks: Stacks, rows: FlameRows) -> Iterator[tuple[str, float]]:
    keys, place = np.unique(rows.stack * len(CATEGORIES) + rows.category, return_inverse=True)
    sums = np.bincount(place, weights=rows.ns, minlength=len(keys)) / rows.steps
    for key, ns in zip(keys.tolist(), sums.tolist(), strict=True):
        stack, category = divmod(key, len(CATEGORIES))
        frames = (_text(stacks.frames[number]) for number in stacks.stacks[stack])
        yield ";".join([rows.tab, CATEGORIES[category].value, *frames]), ns


def _text(frame: Frame, *, line: bool = True) -> str:
    """Return a frame without what separates frames and values."""
    name = view.plain(frame.function, NAME_LIMIT)
    if frame.file:
        name += f" ({view.place(frame.file, (frame.first_line or frame.line) if line else 0)})"
    return name.replace(";", ":").replace("\n", " ")


def _lines(data: bytes) -> list[str]:
    try:
        whole = gzip.GzipFile(fileobj=io.BytesIO(data)).read(UNPACKED_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFile(f"The saved stacks are damaged: {error}.", hint=_AGAIN) from None
    if len(whole) > UNPACKED_MAX:
        raise DamagedFile("The saved stacks are larger than any that were saved.", hint=_AGAIN)
    return [line for line in whole.decode("utf-8", "replace").split("\n") if line]


def _parsed(line: str) -> list[str]:
    """Return a line's tab, category, frames and time."""
    stack, _, value = line.rpartition(" ")
    parts = stack.split(";")
    if len(parts) < 2 or not value.isascii() or not value.isdigit() or len(value) > 18:
        raise DamagedFile("The saved stacks are damaged: a line holds no stack and time.", hint=_AGAIN)
    return [*parts, value]


@dataclass(slots=True)
class _Table:
    """Frames and stacks as they are read."""

    known: Mapping[str, Frame]
    """Of the run beside, by their text without a line."""
    own: frozenset[str]
    """Files of its own code."""
    frames: dict[str, int] = field(default_factory=dict)
    stacks: dict[tuple[int, ...], int] = field(default_factory=dict)
    made: list[Frame] = field(default_factory=list)

    @classmethod
    def of(cls, beside: Flames) -> _Table:
        frames = beside.stacks.frames
        own = frozenset(view.place(frame.file, 0) for frame in frames if frame.own)
        return cls({_text(frame, line=False): frame for frame in frames}, own)

    def stack(self, texts: list[str]) -> int:
        path = tuple(self._frame(text) for text in texts)
        return self.stacks.setdefault(path, len(self.stacks))

    def _frame(self, text: str) -> int:
        number = self.frames.get(text)
        if number is None:
            number = self.frames[text] = len(self.made)
            self.made.append(self._made(text))
        return number

    def _made(self, text: str) -> Frame:
        match = FRAME.fullmatch(text)
        known = self.known.get(text) or (self.known.get(f"{match[1]} ({match[2]})") if match else None)
        if known is not None:
            return known
        if match is None:
            return synthetic(text)
        return Frame(function=match[1], file=match[2], line=int(match[3] or 0), own=match[2] in self.own)

    def done(self) -> Stacks:
        return Stacks(frames=tuple(self.made), stacks=tuple(self.stacks))


def _fitted(
    table: _Table, tab: str, rows: list[tuple[int, int, float]], step_ns: float
) -> list[tuple[int, int, float]]:
    """Return a tab's rows so that they sum to the step: what is missing were stacks too thin to be kept."""
    known = sum(ns for _, _, ns in rows)
    if tab not in WHOLE or known <= 0:
        return rows
    if known >= step_ns:
        return [(stack, category, ns * step_ns / known) for stack, category, ns in rows]
    return [*rows, (table.stack([THIN]), NUMBER[Category.UNATTRIBUTED.value], step_ns - known)]


def _rows(tab: str, rows: list[tuple[int, int, float]]) -> FlameRows:
    stack, category, ns = zip(*rows, strict=True)
    return FlameRows(
        tab=tab,
        steps=1,
        samples=0,
        stack=np.array(stack, dtype=np.int64),
        category=np.array(category, dtype=np.int64),
        ns=np.array(ns, dtype=np.float64),
        step=np.full(len(rows), -1, dtype=np.int64),
        step_ns=np.zeros(len(rows)),
    )
