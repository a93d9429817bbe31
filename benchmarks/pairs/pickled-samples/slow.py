"""Train on images that bring every measurement of every cell along, as dicts in lists."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from dosing import train
from plates import Plates


def mean_area(cells: Any) -> float:
    """Return the mean area of a batch's cells."""
    return fmean(cell["area"] for image in cells for cell in image)


if __name__ == "__main__":
    train(Plates, mean_area)
