"""A text of made-up words, encoded character by character into files of 16-bit numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHABET = LETTERS + " .\n"


def invent(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return words in the order in which they are written: few are frequent, most are rare."""
    letters = np.array(list(LETTERS))
    lexicon = np.array(["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(600)])
    weight = 1 / np.arange(1, len(lexicon) + 1)
    endings = rng.choice(np.array([" ", " ", " ", " ", ". ", ".\n"]), count)
    words: np.ndarray = np.char.add(rng.choice(lexicon, count, p=weight / weight.sum()), endings)
    return words


def encode(text: str) -> np.ndarray:
    """Return the number of each character."""
    table = np.zeros(128, np.uint16)
    table[np.frombuffer(ALPHABET.encode(), np.uint8)] = np.arange(len(ALPHABET))
    numbers: np.ndarray = table[np.frombuffer(text.encode(), np.uint8)]
    return numbers


def write(folder: Path, seed: int) -> None:
    """Write `train.bin` and `val.bin`."""
    rng = np.random.default_rng(seed)
    numbers = encode("".join(invent(rng, 120_000)))
    cut = len(numbers) * 9 // 10
    numbers[:cut].tofile(folder / "train.bin")
    numbers[cut:].tofile(folder / "val.bin")
