"""Teach a reader of handwriting; errors are counted at each step, and adapters are updated one by one."""

from __future__ import annotations

import torch
from lesson import prepare, teach


def main() -> None:
    """Train, and print the final loss."""
    reader, loader = prepare("Read handwriting")
    optimizer = torch.optim.AdamW(reader.parameters(), lr=2e-3)
    print(f"final loss {teach(reader, loader, optimizer, judge=1):.4f}")


if __name__ == "__main__":
    main()
