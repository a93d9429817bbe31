"""Bring reviews to one length."""

from __future__ import annotations

import numpy as np

NOTHING = 0
"""The word that stands for none."""


def fill(page: np.ndarray, line: int, words: list[int]) -> None:
    """Write the words of a review into a line of the page."""
    for place, word in enumerate(words):
        page[line, place] = word  # PLANTED


def to_page(texts: list[list[int]]) -> np.ndarray:
    """Return reviews as lines of one page, as wide as the longest."""
    page = np.full((len(texts), max(map(len, texts))), NOTHING, dtype=np.int64)
    for line, words in enumerate(texts):
        fill(page, line, words)
    return page
