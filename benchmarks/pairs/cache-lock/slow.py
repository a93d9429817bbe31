"""Train on tiles whose batches two threads make; one waits at the cache's lock while the other fetches."""

from __future__ import annotations

import torch
from depot import Depot
from landcover import SLABS, fit, options, order
from prefetch import THREADS, batches
from slabs import SlabCache


def main() -> None:
    """Train, and print the final loss."""
    chosen = options()
    torch.manual_seed(chosen.seed)
    torch.set_num_threads(1)
    depot = Depot(SLABS, links=1, surveys=THREADS, seed=chosen.seed)
    loss = fit(batches(SlabCache(depot), order(chosen.steps, chosen.seed)))
    depot.close()
    print(f"final loss {loss:.4f}")


if __name__ == "__main__":
    main()
