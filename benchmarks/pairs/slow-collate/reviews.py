"""Reviews as lists of word numbers, with the stars that were given."""

from __future__ import annotations

import numpy as np
from torch.utils.data import Dataset

WORDS, SHORTEST, LONGEST = 6000, 360, 640

Review = tuple[list[int], float]


class Reviews(Dataset[Review]):
    """Reviews of very different length; some words please, some don't."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        tone = rng.normal(0, 1, WORDS)
        texts = [rng.integers(1, WORDS, length) for length in rng.integers(SHORTEST, LONGEST, count)]
        self.texts: list[list[int]] = [words.tolist() for words in texts]
        self.stars = [float(tone[words].mean() * 12 + rng.normal(0, 0.5)) for words in texts]

    def __len__(self) -> int:
        return len(self.stars)

    def __getitem__(self, index: int) -> Review:
        return self.texts[index], self.stars[index]
