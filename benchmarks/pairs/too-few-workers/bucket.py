"""A bucket of thumbnails on an object store far away."""

from __future__ import annotations

import time

import torch

ROUND_TRIP_S = 0.0041


def fetch_remote(objects: dict[str, torch.Tensor], key: str) -> torch.Tensor:
    """Return one object, after the time that a request to the store takes."""
    time.sleep(ROUND_TRIP_S)  # PLANTED
    return objects[key]


class Bucket:
    """Holds objects by key, and hands them out one request at a time."""

    def __init__(self, objects: dict[str, torch.Tensor]) -> None:
        self.objects = objects

    def get(self, key: str) -> torch.Tensor:
        """Return an object."""
        return fetch_remote(self.objects, key)
