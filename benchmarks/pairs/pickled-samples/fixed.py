"""The fixed twin: the measurements of a batch are one tensor."""

from __future__ import annotations

from typing import Any

from dosing import train
from plates import MEASURED, Plates

AREA = MEASURED.index("area")


class MeasuredPlates(Plates):
    """Keeps the measurements as they were made: a tensor of images, cells and measurements."""

    def arrange(self, cells: Any) -> Any:
        return cells

    def pick_cells(self, images: list[int]) -> Any:
        return self.cells[images]


def mean_area(cells: Any) -> float:
    """Return the mean area of a batch's cells."""
    return float(cells[..., AREA].mean())


if __name__ == "__main__":
    train(MeasuredPlates, mean_area)
