"""Train on seismograms that two workers read, one at a time, from a file that they share under a lock."""

from __future__ import annotations

from picker import pick
from volume import Volume

if __name__ == "__main__":
    pick(Volume)
