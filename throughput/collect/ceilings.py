"""Turn a child of the script's Python into the ceilings of this machine: torch's products and copies."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from throughput.collect.environment import environment
from throughput.errors import UsageError
from throughput.model.ceilings import MeasuredCeiling

PROGRAM = Path(__file__).parent / "inprocess" / "throughput_inprocess" / "bench.py"
LONGEST_S = 300.0
"""A first import of a CUDA torch from a network disk takes a minute, a slow CPU's bfloat16 some seconds."""


def measure_ceilings(python: str | None = None) -> tuple[MeasuredCeiling, ...]:
    """Return what this machine's CPUs and GPUs do at most, measured in about 10 s.

    Args:
        python: The script's interpreter; ours where it isn't given.

    Raises:
        UsageError: that Python doesn't run, or has no torch.
    """
    chosen = python or sys.executable
    try:
        done = subprocess.run(
            [chosen, "-c", PROGRAM.read_text(encoding="utf-8")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it took too long"
        raise UsageError(f"{chosen} measured nothing: {reason}.", hint="Name it with --python.") from None
    try:
        rows = msgspec.json.decode(done.stdout.splitlines()[-1], type=list[dict[str, Any]])
        model = environment(chosen).get("cpu_model") or "CPU"
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        return tuple(_ceiling(row | {"device": row["device"] or model, "measured_at": now}) for row in rows)
    except (IndexError, KeyError, TypeError, msgspec.DecodeError):
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
        raise UsageError(
            f"{chosen} could not measure: {last[0][:200]}.",
            hint="Name the Python that has torch with --python PATH.",
        ) from None


def _ceiling(row: dict[str, Any]) -> MeasuredCeiling:
    return msgspec.convert(row, MeasuredCeiling)
