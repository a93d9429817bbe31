"""Forecast power demand; gradients of four micro-batches make one step."""

from __future__ import annotations

import argparse
import logging
import math
import sys

import torch
from demand import FEATURES, HOURS, micro_batches
from mixer import build
from stopwatch import watch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

log = logging.getLogger("forecast")


def parse() -> argparse.Namespace:
    """Return the options of one run."""
    parser = argparse.ArgumentParser(description="Forecast power demand")
    parser.add_argument("--steps", type=int, default=400, help="optimizer steps")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--accumulate", type=int, default=4, help="micro-batches a step")
    parser.add_argument("--micro-batch", type=int, default=36)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def train(model: nn.Module, options: argparse.Namespace) -> float:
    """Return the mean loss of the last step's micro-batches."""
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05, fused=True)
    schedule = LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / (options.steps + 1)))
    criterion, total = nn.SmoothL1Loss(), torch.zeros(())
    watch.enter("data_loading")
    for micro, (features, demand) in enumerate(micro_batches(options), 1):
        watch.enter("compute")
        loss = criterion(model(features), demand) / options.accumulate
        loss.backward()
        total += loss.detach()
        if micro % options.accumulate == 0:
            norm = nn.utils.clip_grad_norm_(parameters, options.clip)
            optimizer.step()
            optimizer.zero_grad()
            watch.enter("host_work")
            schedule.step()
            step, last = micro // options.accumulate, total.item()
            if step % 50 == 0:
                watch.enter("logging_checkpoint")
                log.info("step %d: loss %.4f, gradient %.3f", step, last, norm.item())
            total.zero_()
            watch.step()
        watch.enter("data_loading")
    return last


if __name__ == "__main__":
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    print(f"final loss {train(build(FEATURES, HOURS), arguments):.4f}")
