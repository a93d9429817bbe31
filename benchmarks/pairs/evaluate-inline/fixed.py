"""The fixed twin: looks at fewer tickets held out, every 200 steps."""

from __future__ import annotations

import torch
from heldout import HeldOut, Monitor
from tickets import parse, shape_tickets
from training import train


def main() -> None:
    """Train, and print the final loss."""
    options = parse("Send tickets to the right desk")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    tickets = shape_tickets(options.seed)
    monitor = Monitor(HeldOut(tickets, count=1024), every=200)
    print(f"final loss {train(tickets, monitor, options):.4f}")


if __name__ == "__main__":
    main()
