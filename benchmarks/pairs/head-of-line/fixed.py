"""The fixed twin: each batch has a third of long recordings, so that all cost alike."""

from __future__ import annotations

from collections.abc import Iterator

from batching import BATCHES_A_PASS, SIZE, ByLength
from training import train


class Mixed(ByLength):
    """Batches with recordings from both parts."""

    def one_pass(self) -> Iterator[list[int]]:
        for _ in range(BATCHES_A_PASS):
            few = SIZE // 3
            yield self.pick(0, self.notes, SIZE - few) + self.pick(self.notes, self.total, few)


if __name__ == "__main__":
    train(Mixed)
