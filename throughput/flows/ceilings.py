"""Keep what was measured of this machine in the user's cache, and say which ceiling a run has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from throughput.attribute.peaks import table_ceiling
from throughput.collect.run_directory import write_whole
from throughput.errors import UsageError
from throughput.model.ceilings import CEILINGS_SCHEMA, Ceilings, MeasuredCeiling
from throughput.model.work import Ceiling, Work

LARGEST = 1_000_000
"""A machine's file has a few hundred bytes a device."""


def ceilings_file() -> Path:
    """Return where measured ceilings are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "throughput" / "ceilings.json"


def read_ceilings() -> tuple[MeasuredCeiling, ...]:
    """Return what was measured; nothing where there is no file, or none that can be read."""
    path = ceilings_file()
    try:
        if path.stat().st_size > LARGEST:
            return ()
        found = msgspec.json.decode(path.read_bytes(), type=Ceilings)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return found.ceilings if found.schema <= CEILINGS_SCHEMA else ()


def keep_ceilings(measured: Iterable[MeasuredCeiling]) -> Path:
    """Write what was measured beside what is there, in place of the same devices' figures; return the file.

    Raises:
        UsageError: the cache can't be written.
    """
    new = {(c.device, c.threads): c for c in measured}
    old = {(c.device, c.threads): c for c in read_ceilings()}
    path = ceilings_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode(Ceilings(ceilings=tuple((old | new).values()))) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}.", hint="Set XDG_CACHE_HOME to a folder that can."
        ) from error
    return path


def ceiling_of(
    work: Work, environment: Mapping[str, Any], facts: Mapping[str, Any], measured: Iterable[MeasuredCeiling]
) -> Ceiling | None:
    """Return the ceiling of the device that did a run's work, for the dtype of most of it; None unknown.

    Args:
        work: what was done.
        environment: of the run.
        facts: what the training process said of torch.
        measured: on this machine.
    """
    tf32 = str(facts.get("matmul_precision", "highest")) != "highest"
    name = facts.get("device_name") if work.on_device else environment.get("cpu_model")
    threads = None if work.on_device else facts.get("num_threads")
    if work.on_device:
        found = table_ceiling(str(name) if name else None, work.dtype, tf32=tf32)
        if found is not None:
            return found
    one = next((c for c in measured if c.device == name and c.threads == threads), None)
    if one is None or work.dtype is None:
        return None
    wanted = ("tf32", "float32") if work.dtype == "float32" and tf32 and work.on_device else (work.dtype,)
    peak = next((one.flops_per_s[dtype] for dtype in wanted if dtype in one.flops_per_s), 0.0)
    return Ceiling(flops_per_s=peak, source="measured") if peak > 0 else None
