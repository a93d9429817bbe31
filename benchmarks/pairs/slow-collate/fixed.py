"""The fixed twin: a batch is cut out of one long array by index, whatever the lengths of its reviews."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
from padding import NOTHING
from rating import Training, parse
from reviews import LONGEST, Reviews


class FlatReviews(Reviews):
    """Reviews one after the other in a tensor."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count, seed)
        self.length = torch.tensor([len(text) for text in self.texts])
        self.begin = self.length.cumsum(0) - self.length
        self.words = torch.tensor([*chain.from_iterable(self.texts), *[NOTHING] * LONGEST])
        self.rated = torch.tensor(self.stars)

    def __getitems__(self, indices: list[int]) -> Any:
        length = self.length[indices, None]
        place = torch.arange(int(length.max()))
        pages = self.words[self.begin[indices, None] + place]
        return pages.masked_fill_(place >= length, NOTHING), self.rated[indices]


def ready(batch: Any) -> Any:
    """Return a batch that needs no more."""
    return batch


def main() -> None:
    """Train, and print the final loss."""
    options = parse()
    print(f"final loss {Training(FlatReviews(2000, options.seed), ready, options).run():.4f}")


if __name__ == "__main__":
    main()
