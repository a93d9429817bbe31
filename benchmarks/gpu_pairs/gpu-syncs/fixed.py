"""The fixed twin: nothing is read back from the device in a step."""

from __future__ import annotations

from training import parse, train

if __name__ == "__main__":
    train(None, parse())
