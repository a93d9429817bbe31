"""Images of cell cultures, with what a segmentation program measured of each cell."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset

EDGE, CELLS, DOSES = 44, 190, 6
MEASURED = ("x", "y", "area", "eccentricity", "intensity", "texture")


class Plates(Dataset[Any]):
    """Images with the dose that the culture got; a batch also brings its images' cells."""

    def __init__(self, images: int, seed: int) -> None:
        self.seed = seed
        draw = torch.Generator().manual_seed(seed)
        doses = torch.randint(0, DOSES, (images,), generator=draw)
        cells = torch.rand(images, CELLS, len(MEASURED), generator=draw)
        cells[..., 2] *= 1 + doses[:, None] / DOSES
        self.pixels = torch.rand(images, 1, EDGE, EDGE, generator=draw) + 0.1 * doses[:, None, None, None]
        self.doses: list[int] = doses.tolist()
        self.cells = self.arrange(cells)

    def arrange(self, cells: torch.Tensor) -> Any:
        """Return the measurements by image, cell and name."""
        return [[dict(zip(MEASURED, cell, strict=True)) for cell in image] for image in cells.tolist()]

    def pick_cells(self, images: list[int]) -> Any:
        """Return the cells of some images."""
        return [self.cells[image] for image in images]

    def __len__(self) -> int:
        return len(self.doses)

    def __getitems__(self, images: list[int]) -> dict[str, Any]:
        dose, cells = [self.doses[image] for image in images], self.pick_cells(images)
        return {"pixels": self.pixels[images], "dose": dose, "cells": cells}
