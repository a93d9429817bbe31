"""The fixed twin: embeddings are handed over each 50 steps, and the answer is read when it is there."""

from __future__ import annotations

import torch
from contrast import main
from spectra import CollapseWatch

EVERY, FEWEST = 50, 2.0


def look_now_and_then(collapse: CollapseWatch, embeddings: torch.Tensor, step: int) -> None:
    """Leave the script with an error where the answer to an earlier question says so."""
    if step % EVERY == 0:
        if collapse.directions is not None and collapse.directions < FEWEST:
            raise SystemExit(f"collapsed before step {step}")
        collapse.hand_over(embeddings.numpy())


if __name__ == "__main__":
    main(look_now_and_then)
