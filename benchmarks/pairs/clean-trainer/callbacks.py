"""What happens beside training: a console, the best weights, a heartbeat, an audit trail."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import torch
from stopwatch import watch
from trainer import Callback, Trainer


class Console(Callback):
    """Prints each evaluation."""

    def on_evaluation(self, trainer: Trainer, score: float) -> None:
        before = watch.enter("logging_checkpoint")
        print(f"step {trainer.step}: loss {trainer.loss.item():.4f}, held out {score:.4f}", flush=True)
        watch.enter(before)


def summarise(weights: Mapping[str, torch.Tensor]) -> float:
    """Return the norm of all weights together."""
    return float(torch.stack([weight.norm() for weight in weights.values()]).norm())


class BestWeights(Callback):
    """Keeps a copy of the weights with the best score; a pool of two threads describes it."""

    def __init__(self) -> None:
        self.score = float("inf")
        self.weights: dict[str, torch.Tensor] = {}
        self.pool = ThreadPoolExecutor(2, thread_name_prefix="summary")
        self.norms: list[Future[float]] = []

    def on_evaluation(self, trainer: Trainer, score: float) -> None:
        if score < self.score:
            self.score = score
            self.weights = {name: part.clone() for name, part in trainer.model.state_dict().items()}
            self.norms.append(self.pool.submit(summarise, self.weights))

    def on_end(self) -> None:
        self.pool.shutdown()


class Heartbeat(Callback):
    """Notes once a second from a thread of its own which step training has come to."""

    def __init__(self, period_s: float = 1.0) -> None:
        self.period_s, self.seen = period_s, 0
        self.done = threading.Event()

    def on_start(self, trainer: Trainer) -> None:
        self.thread = threading.Thread(target=self.beat, args=(trainer,), name="heartbeat", daemon=True)
        self.thread.start()

    def beat(self, trainer: Trainer) -> None:
        """Sleep, look, and sleep again."""
        while not self.done.wait(self.period_s):
            self.seen = trainer.step

    def on_end(self) -> None:
        self.done.set()
        self.thread.join()


class AuditTrail(Callback):
    """Hands events to a thread that keeps them; nobody waits for it until the end."""

    def __init__(self) -> None:
        self.events: SimpleQueue[tuple[int, float] | None] = SimpleQueue()
        self.kept: list[tuple[int, float]] = []
        self.thread = threading.Thread(target=self.keep, name="audit", daemon=True)
        self.thread.start()

    def keep(self) -> None:
        """Keep what comes until the end comes."""
        while (event := self.events.get()) is not None:
            self.kept.append(event)

    def on_evaluation(self, trainer: Trainer, score: float) -> None:
        self.events.put((trainer.step, score))

    def on_end(self) -> None:
        self.events.put(None)
        self.thread.join()
