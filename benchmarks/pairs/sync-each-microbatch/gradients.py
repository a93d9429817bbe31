"""Gradients of a batch that is too large to be taken at once."""

from typing import Any

import torch
import torch.distributed as dist
from stopwatch import watch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

Micro = tuple[torch.Tensor, torch.Tensor]


def reduce_bucket(_state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:  # type: ignore[name-defined]
    """Average a bucket over all ranks; once the last is on its way, backward only waits."""
    if bucket.is_last():
        watch.enter("communication")
    group = dist.group.WORLD
    assert group is not None
    return default_hooks.allreduce_hook(group, bucket)


class Accumulator:
    """Adds up the gradients of micro-batches."""

    def __init__(self, model: DistributedDataParallel) -> None:
        self.model: Any = model
        self.criterion = nn.CrossEntropyLoss()
        model.register_comm_hook(None, reduce_bucket)

    def collect(self, batch: list[Micro]) -> torch.Tensor:
        """Return the mean loss; gradients are in the parameters afterwards."""
        total = torch.zeros(())
        for number, micro in enumerate(batch, 1):
            total += self.add(micro, len(batch), last=number == len(batch))
        return total

    def add(self, micro: Micro, count: int, *, last: bool) -> torch.Tensor:
        """Add the gradients of one micro-batch of several; return its part of the loss."""
        del last
        return self.backpropagate(micro, count)

    def backpropagate(self, micro: Micro, count: int) -> torch.Tensor:
        """Go forward and back."""
        questions, answers = micro
        loss = self.criterion(self.model(questions), answers) / count
        loss.backward()  # PLANTED
        watch.enter("compute")
        part: torch.Tensor = loss.detach()
        return part
