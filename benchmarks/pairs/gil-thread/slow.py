"""Train while a thread beside it goes over every batch letter by letter, and holds the GIL for it."""

from __future__ import annotations

from lags import LagMonitor
from letters import train

if __name__ == "__main__":
    train(LagMonitor())
