"""Note what the process's tensors hold: parameters, gradients, optimizer state; and a device's allocator.

Read at a step's end, outside of all measured steps, by a walk over Python's objects: a parameter that no
optimizer has (frozen ones) counts too. Each storage counts once.
"""

from __future__ import annotations

import gc
import sys

from .recorder import recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

OBJECTS_MAX = 5_000_000
"""More of them would hold the script up for seconds."""
PARAMETER, GRADIENT, STATE, OTHER = range(4)
COUNTED = {
    "allocated": "allocated_bytes.all.current",
    "allocated_peak": "allocated_bytes.all.peak",
    "reserved": "reserved_bytes.all.current",
    "reserved_peak": "reserved_bytes.all.peak",
    "split": "inactive_split_bytes.all.current",
    "retries": "num_alloc_retries",
    "ooms": "num_ooms",
}
"""What the allocator counts (torch.cuda.memory_stats), by the names of ours."""


def note() -> None:
    """Write one `tensors` line; without torch, or where reading fails, none."""
    torch = sys.modules.get("torch")
    try:
        if torch is not None:
            sizes = _sizes(torch, gc.get_objects())
            rows = [{"device": device, "bytes": found} for device, found in sorted(sizes.items())]
            recorder.note("tensors", rows=rows, devices=_devices(torch))
    except Exception as error:
        recorder.note("note", text=f"The memory of tensors was not read: {error!r}")


def _sizes(torch: Any, objects: list[Any]) -> dict[str, list[int]]:
    """Return the bytes of each kind by device."""
    if len(objects) > OBJECTS_MAX:
        return {}
    tensor, parameter, optimizer = torch.Tensor, torch.nn.Parameter, torch.optim.Optimizer
    is_one: dict[type, int] = {}
    tensors: list[list[Any]] = [[], [], [], []]
    for one in objects:
        kind = type(one)  # never isinstance: stand-ins of lazy modules would load them for it
        code = is_one.get(kind)
        if code is None:
            code = is_one[kind] = 3 if issubclass(kind, optimizer) else 2 if issubclass(kind, tensor) else 0
        if code == 3:
            states = getattr(one, "state", None) or {}
            tensors[STATE] += _tensors_in(states.values(), tensor)
        elif code == 2:
            if isinstance(one, parameter):
                tensors[PARAMETER].append(one)
                if one.grad is not None:
                    tensors[GRADIENT].append(one.grad)
            else:
                tensors[OTHER].append(one)
    found: dict[str, list[int]] = {}
    seen: set[tuple[str, int]] = set()
    for number, those in enumerate(tensors):
        for one in those:
            _add(found, seen, number, getattr(one, "_local_tensor", one))
    return found


def _tensors_in(states: Iterable[Any], tensor: Any) -> list[Any]:
    """Return the tensors in an optimizer's states, as deep as torch's own nest them."""
    found = []
    for state in states:
        values = state.values() if isinstance(state, dict) else ()
        for value in values:
            found += [
                x for x in (value if isinstance(value, list | tuple) else (value,)) if isinstance(x, tensor)
            ]
    return found


def _add(found: dict[str, list[int]], seen: set[tuple[str, int]], number: int, one: Any) -> None:
    try:
        storage, device = one.untyped_storage(), str(one.device)
        at, size = storage.data_ptr(), storage.nbytes()
    except Exception:
        return  # no storage of its own: fake, sparse, or of another back end
    if at and (device, at) not in seen:
        seen.add((device, at))
        found.setdefault(device, [0, 0, 0, 0])[number] += size


def _devices(torch: Any) -> list[dict[str, Any]]:
    """Return what the allocator of each device that is in use counts."""
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return []
    rows = []
    for index in range(torch.cuda.device_count()):
        counts = torch.cuda.memory_stats(index)
        if counts.get(COUNTED["reserved_peak"]):
            row = {name: int(counts[key]) for name, key in COUNTED.items() if key in counts}
            rows.append({"device": f"cuda:{index}", **row})
    return rows
