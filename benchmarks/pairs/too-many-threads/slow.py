"""Train on a small machine with as many threads as a large one has CPUs."""

from __future__ import annotations

from presets import PRESETS
from surrogate import solve

if __name__ == "__main__":
    solve(PRESETS["node"])
