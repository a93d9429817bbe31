"""The fixed twin: the same settings with one thread."""

from __future__ import annotations

from presets import PRESETS
from surrogate import solve

if __name__ == "__main__":
    solve(PRESETS["node"].replace(threads=1))
