"""Measure how fast torch multiplies matrices and copies memory here: a program that prints a line of JSON.

Each figure is the best of many repetitions: a ceiling, which a busy machine can only lower.
"""

from __future__ import annotations

import json
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECONDS = 0.8
"""For a dtype: with all of them, about 10 s on a machine of two CPUs, the import of torch included."""
CPU_SIZES, DEVICE_SIZES = (512, 1024, 2048), (4096, 8192)
"""Of the square matrices: small ones don't fill the units, large ones take too long for their share."""
CPU_BYTES, DEVICE_BYTES = 128 << 20, 1 << 30
"""Of what is copied: several times any cache."""


def best_s(call: Callable[[], Any], wait: Callable[[], Any], seconds: float) -> float:
    """Return the shortest time of a call, repeated for so long; of one that takes longer, its only time."""
    best, until = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        begun = time.perf_counter()
        call()
        wait()
        best = min(best, time.perf_counter() - begun)
    return best


def products(torch: Any, device: str, wait: Callable[[], Any], dtypes: tuple[str, ...]) -> dict[str, float]:
    """Return the best FLOP/s by dtype; a dtype that this torch can't multiply here is left out."""
    sizes = CPU_SIZES if device == "cpu" else DEVICE_SIZES
    found: dict[str, float] = {}
    for name in dtypes:
        try:
            torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
            dtype = getattr(torch, "float32" if name == "tf32" else name)
            until = time.perf_counter() + SECONDS
            for size in sizes:
                if time.perf_counter() < until:
                    speed = _product(torch, (device, dtype, size), wait, len(sizes))
                    found[name] = max(found.get(name, 0.0), speed)
        except Exception as error:
            sys.stderr.write(f"{name}: {error}\n")
    return found


def _product(torch: Any, what: tuple[str, Any, int], wait: Callable[[], Any], sizes: int) -> float:
    device, dtype, size = what
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return float(2 * size**3 / best_s(lambda: torch.mm(left, right, out=out), wait, SECONDS / sizes))


def copied(torch: Any, device: str, wait: Callable[[], Any]) -> float:
    """Return the best bytes read and written a second."""
    count = (CPU_BYTES if device == "cpu" else DEVICE_BYTES) // 4
    source = torch.ones(count, device=device)
    target = torch.empty_like(source)
    return float(2 * count * 4 / best_s(lambda: target.copy_(source), wait, SECONDS))


def measured() -> list[dict[str, Any]]:
    """Return a row for the CPUs under one of torch's threads and under all, and one for each kind of GPU."""
    import torch

    about = {"torch_version": str(torch.__version__)}
    rows: list[dict[str, Any]] = []
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        done = products(torch, "cpu", lambda: None, ("float32", "bfloat16"))
        copy = copied(torch, "cpu", lambda: None)
        rows.append({"device": None, "threads": threads, "flops_per_s": done, "bytes_per_s": copy, **about})
    names = {torch.cuda.get_device_name(n): n for n in range(torch.cuda.device_count())}
    for name, number in names.items() if torch.cuda.is_available() else ():
        torch.cuda.set_device(number)
        wait = torch.cuda.synchronize
        done = products(torch, "cuda", wait, ("float32", "tf32", "bfloat16", "float16"))
        copy = copied(torch, "cuda", wait)
        rows.append({"device": name, "threads": None, "flops_per_s": done, "bytes_per_s": copy, **about})
    return rows


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measured()) + "\n")
