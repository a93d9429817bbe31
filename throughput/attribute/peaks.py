"""Say what a device can do at most: its vendor's figures for dense products, by dtype, FLOP/s."""

from __future__ import annotations

import re

from throughput.model.work import Ceiling

T = 1e12


def _peaks(half: float, tf32: float | None, single: float, eighth: float | None = None) -> dict[str, float]:
    """Return peaks by dtype from TFLOP/s of 16 bits, TF32, float32 and 8 bits."""
    found = {"float16": half, "bfloat16": half, "float32": single, "tf32": tf32, "float8": eighth}
    return {dtype: value * T for dtype, value in found.items() if value is not None}


TABLE: tuple[tuple[str, dict[str, float]], ...] = (
    # https://www.nvidia.com/en-us/data-center/hgx/ (HGX B200, an eighth of the board, without sparsity)
    (r"\bB200\b", _peaks(2250, 1125, 75, 4500)),
    # https://www.nvidia.com/en-us/data-center/h200/ (SXM; NVL)
    (r"\bH200 NVL", _peaks(835.5, 417.5, 60, 1670.5)),
    (r"\bG?H200\b", _peaks(989.5, 494.5, 67, 1979)),
    # https://www.nvidia.com/en-us/data-center/h100/ (SXM; NVL; PCIe from the product brief)
    (r"\bH100 PCIe", _peaks(756.5, 378, 51, 1513)),
    (r"\bH100 NVL", _peaks(835.5, 417.5, 60, 1670.5)),
    (r"\bH100\b", _peaks(989.5, 494.5, 67, 1979)),
    # https://www.nvidia.com/en-us/data-center/a100/
    (r"\bA100\b", _peaks(312, 156, 19.5)),
    # https://www.nvidia.com/en-us/data-center/a40/
    (r"\bA40\b", _peaks(149.7, 74.8, 37.4)),
    # https://www.nvidia.com/en-us/data-center/products/a10-gpu/
    (r"\bA10\b", _peaks(125, 62.5, 31.2)),
    # https://www.nvidia.com/en-us/data-center/products/a30-gpu/
    (r"\bA30\b", _peaks(165, 82, 10.3)),
    # https://www.nvidia.com/en-us/data-center/l40s/ and .../l40/ and .../l4/
    (r"\bL40S\b", _peaks(362.05, 183, 91.6, 733)),
    (r"\bL40\b", _peaks(181.05, 90.5, 90.5, 362)),
    (r"\bL4\b", _peaks(121, 60, 30.3, 242.5)),
    # https://images.nvidia.com/content/technologies/volta/pdf/volta-v100-datasheet-update-us-1165301-r5.pdf
    (r"\bV100-PCIE", {"float16": 112 * T, "float32": 14 * T}),
    (r"\bV100-SXM", {"float16": 125 * T, "float32": 15.7 * T}),
    # https://www.nvidia.com/en-us/data-center/tesla-t4/
    (r"\bT4\b", {"float16": 65 * T, "float32": 8.1 * T}),
    # https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf (FP32 sums)
    (r"\bRTX 4090\b(?! D| Laptop)", _peaks(165.2, 82.6, 82.6)),
    # https://www.nvidia.com/content/PDF/nvidia-ampere-ga-102-gpu-architecture-whitepaper-v2.pdf
    (r"\bRTX 3090\b(?! Ti)", _peaks(71, 35.6, 35.6)),
    # https://www.amd.com/en/products/accelerators/instinct/mi300/mi300x.html
    (r"\bMI300X\b", _peaks(1307.4, 653.7, 163.4, 2614.9)),
    # https://www.amd.com/en/products/accelerators/instinct/mi200/mi250x.html (a device is half a card)
    (r"\bMI250X\b", _peaks(191.5, None, 47.9)),
)
"""Device name as torch gives it -> peaks; the first that matches. A lower power limit lowers them."""


def table_ceiling(device: str | None, dtype: str | None, *, tf32: bool) -> Ceiling | None:
    """Return the vendor's figure; None for a device or dtype that is not in the table.

    Args:
        device: as torch names it.
        dtype: of most FLOPs.
        tf32: whether float32 products may be computed in TF32.
    """
    found = next((peaks for pattern, peaks in TABLE if device and re.search(pattern, device)), {})
    wanted = ("tf32", "float32") if dtype == "float32" and tf32 else (dtype,)
    peak = next((found[name] for name in wanted if name is not None and name in found), None)
    return None if peak is None else Ceiling(flops_per_s=peak, source="table")
