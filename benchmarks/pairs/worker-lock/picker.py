"""Train a small transformer to tell the phase that a seismogram shows."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lockwaits
import torch
from seismograms import COMPONENTS, PHASES, READINGS, Seismograms, load, record
from stopwatch import watch
from torch import nn
from volume import Volume

PATCH, WIDE = 20, 96


class Picker(nn.Module):
    """Attention over patches of all components."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv1d(COMPONENTS, WIDE, PATCH, stride=PATCH)
        self.place = nn.Parameter(torch.zeros(READINGS // PATCH, WIDE))
        self.layer = nn.TransformerEncoderLayer(WIDE, 4, 2 * WIDE, dropout=0.0, batch_first=True)
        self.head = nn.Linear(WIDE, PHASES)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Return a score for each phase."""
        tokens = self.patches(waves).transpose(1, 2) + self.place
        scores: torch.Tensor = self.head(self.layer(tokens).mean(1))
        return scores


class Run:
    """One training run: model, optimizer, and where it stands."""

    def __init__(self) -> None:
        self.model = Picker()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.step, self.loss = 0, 0.0

    def learn(self, waves: torch.Tensor, phases: torch.Tensor) -> None:
        """Take one optimizer step."""
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(waves), phases)
        loss.backward()
        self.optimizer.step()
        self.loss = loss.item()
        self.step += 1

    def report(self) -> None:
        """Print where training stands."""
        before = watch.enter("logging_checkpoint")
        print(f"step {self.step}, loss {self.loss:.4f}", flush=True)
        watch.enter(before)


def pick(open_volume: Callable[[Path], Volume]) -> None:
    """Train on a volume opened so, and print the final loss."""
    parser = argparse.ArgumentParser(description="Pick seismic phases")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    run = Run()
    with tempfile.TemporaryDirectory() as folder:
        phases = record(Path(folder) / "events.i2", options.seed)
        volume = open_volume(Path(folder) / "events.i2")
        loader = load(Seismograms(volume, phases), options.steps, options.workers, options.seed)
        watch.enter("data_loading")
        since = time.perf_counter_ns()
        for waves, phase, waits in loader:
            lockwaits.charge(waits, since)
            watch.enter("compute")
            run.learn(torch.from_numpy(waves).float(), torch.from_numpy(phase))
            if run.step % 100 == 0:
                run.report()
            watch.step()
            watch.enter("data_loading")
            since = time.perf_counter_ns()
        volume.close()
    print(f"final loss {run.loss:.4f}")
