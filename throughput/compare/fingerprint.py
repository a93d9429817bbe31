"""Say whether two benchmarks may be compared as numbers: comparable means equal where it matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from throughput.errors import NotComparable
from throughput.model.benchmark import Benchmark

MUST_EQUAL = {
    "cpu_model": "CPU model",
    "cpus": "usable CPUs",
    "device": "device",
    "devices": "number of devices",
    "world_size": "number of ranks",
    "batch_size": "batch size",
    "dtype": "dtype",
    "python": "Python",
    "torch": "torch",
}
"""Key -> name; host name, kernel, folder and clock readings differ between equals, so they are not here."""
BATCH_RATIO = 1.1
"""Up to here batches count as of one size: short last ones move the mean by less."""
FORCE = "Compare like with like, or give --force and read the result as two different set-ups."


def differences(base: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what must be equal and isn't, each in words; what either side doesn't know can't differ."""
    found = []
    for key, name in MUST_EQUAL.items():
        one, other = base.get(key), head.get(key)
        if one is None or other is None or one == other:
            continue
        if key == "batch_size" and _alike(one, other):
            continue
        found.append(f"{name}: {one} before, {other} now")
    return tuple(found)


def unknown(base: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what should be equal but was not recorded on a side."""
    return tuple(name for key, name in MUST_EQUAL.items() if base.get(key) is None or head.get(key) is None)


def require_comparable(base: Benchmark, head: Benchmark, *, force: bool) -> tuple[str, ...]:
    """Return the differences that `force` overrides, as notes; none where the two are comparable.

    Raises:
        NotComparable: they differ in what must be equal.
    """
    found = differences(base.must_equal, head.must_equal)
    if found and not force:
        raise NotComparable(f"{base.name} and {head.name} can't be compared: {'; '.join(found)}.", hint=FORCE)
    return tuple(
        f"Compared by --force although they differ ({one}): the change is that of the set-up too."
        for one in found
    )


def _alike(one: object, other: object) -> bool:
    if not isinstance(one, int | float) or not isinstance(other, int | float) or min(one, other) <= 0:
        return False
    return max(one, other) / min(one, other) <= BATCH_RATIO
