"""Name the categories, sort them into the four that people ask for, and make foreign text harmless.

Imports nothing heavy: the live display needs it while the script trains.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from throughput.model.category import CATEGORIES, Category, State

if TYPE_CHECKING:
    from throughput.model.attribution import SplitRow

LONG = {
    Category.DATA_LOADING: "Data loading",
    Category.HOST_TO_DEVICE: "Copy to the device",
    Category.LOCK_CONTENTION: "Lock contention",
    Category.COMMUNICATION: "Communication",
    Category.OTHER_MEMORY: "Other memory copying",
    Category.SYNCHRONIZATION: "Synchronization",
    Category.HOST_WORK: "Host work (Python)",
    Category.LOGGING_CHECKPOINT: "Logging and checkpointing",
    Category.CPU_STARVED: "Waiting for a CPU",
    Category.IDLE: "Idle",
    Category.UNATTRIBUTED: "Unattributed",
}
SHORT = {
    Category.DATA_LOADING: "Data loading",
    Category.HOST_TO_DEVICE: "To device",
    Category.LOCK_CONTENTION: "Locks",
    Category.COMMUNICATION: "Communication",
    Category.OTHER_MEMORY: "Other copies",
    Category.SYNCHRONIZATION: "Sync",
    Category.HOST_WORK: "Host work",
    Category.LOGGING_CHECKPOINT: "Logging",
    Category.CPU_STARVED: "CPU wait",
    Category.IDLE: "Idle",
    Category.UNATTRIBUTED: "Unattributed",
}
KEYS = {
    Category.DATA_LOADING: "data",
    Category.HOST_TO_DEVICE: "h2d",
    Category.COMPUTE: "gpu",
    Category.LOCK_CONTENTION: "lock",
}
"""Category -> name of its colour; all others are grey ("other")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One of the five parts of the split bar; `share` is None where nothing in it was measured."""

    key: str
    label: str
    rows: tuple[SplitRow, ...]
    share: float | None
    ns_per_step: float | None


def label(category: Category, *, has_device: bool, short: bool = False) -> str:
    """Return the category's name; compute says whose compute it is."""
    if category is Category.COMPUTE:
        return "GPU compute" if has_device else "CPU compute"
    return (SHORT if short else LONG)[category]


def colour(category: Category) -> str:
    """Return the key of the category's colour: data, h2d, gpu, lock or other."""
    return KEYS.get(category, "other")


def groups(split: Sequence[SplitRow], *, has_device: bool) -> tuple[Group, ...]:
    """Return the four categories that people ask for, then all others as one; absent parts are left out."""
    found = []
    for category, key in KEYS.items():
        rows = tuple(row for row in split if row.category is category)
        if rows:
            found.append(_group(key, label(category, has_device=has_device), rows))
    others = tuple(row for row in split if row.category not in KEYS)
    if others:
        ranked = tuple(sorted(others, key=lambda row: (-(row.share or 0), CATEGORIES.index(row.category))))
        found.append(_group("other", "Other", ranked))
    return tuple(found)


def state_reason(row: SplitRow) -> str:
    """Return why a row has no figure, or what its figure lacks: "not applicable: no device"; else ""."""
    words = {
        State.NOT_MEASURED: "not measured",
        State.NOT_APPLICABLE: "not applicable",
        State.PARTIAL: "partly measured",
    }.get(row.state, "not measured" if row.share is None else "")
    return f"{words}: {plain(row.reason)}" if words and row.reason else words


def plain(text: str, limit: int = 0) -> str:
    r"""Return foreign text as one inert line: control and direction characters are shown as \x1b, \u202e.

    Args:
        text: any string, also one that holds bytes no encoding could read.
        limit: longest result in characters; more is cut in the middle. 0 is no limit.
    """
    shown = "".join(_visible(char) for char in text) if not text.isascii() or not text.isprintable() else text
    if limit and len(shown) > limit:
        head = (limit - 1) // 2
        return f"{shown[:head]}…{shown[len(shown) - (limit - 1 - head) :]}"
    return shown


def _group(key: str, name: str, rows: tuple[SplitRow, ...]) -> Group:
    shares = [row.share for row in rows if row.share is not None]
    times = [row.ns_per_step for row in rows if row.ns_per_step is not None]
    return Group(
        key=key,
        label=name,
        rows=rows,
        share=sum(shares) if shares else None,
        ns_per_step=sum(times) if times else None,
    )


def _visible(char: str) -> str:
    # Cc: escapes that drive a terminal; Cf: direction overrides; Cs: bytes of no text; Zl, Zp: line ends.
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    if char in "\n\t":
        return " "
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
