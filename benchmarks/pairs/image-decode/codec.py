"""Lossless pictures: rows are stored as what differs from the row above, then deflated, much like a PNG's."""

from __future__ import annotations

import zlib

import numpy as np

SIDE = 96


def encode(picture: np.ndarray) -> bytes:
    """Return a picture's bytes."""
    rows = picture.reshape(SIDE, -1)
    filtered = rows.copy()
    filtered[1:] ^= rows[:-1]
    return zlib.compress(filtered.tobytes(), 5)


def inflate(record: bytes) -> np.ndarray:
    """Return the filtered rows of a record, eight bytes to a number."""
    rows = zlib.decompress(record)  # PLANTED
    return np.frombuffer(rows, dtype=np.uint64).reshape(SIDE, -1)


def decode(record: bytes) -> np.ndarray:
    """Return the picture, channels first."""
    rows: np.ndarray = np.bitwise_xor.accumulate(inflate(record), axis=0).view(np.uint8)
    return rows.reshape(SIDE, SIDE, 3).transpose(2, 0, 1)
