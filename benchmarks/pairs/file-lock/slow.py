"""Train on CT slices that workers read while they hold a lock on the index that all of them use."""

from __future__ import annotations

from outline import outline
from studies import Studies

if __name__ == "__main__":
    outline(Studies)
