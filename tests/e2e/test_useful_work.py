"""Tokens, padding, micro-batches, FLOPs, modules and memory of a run are those that its script says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, assert_done, profile

WORDS, WIDTH, LENGTH, ROWS, MICRO_BATCHES = 64, 32, 16, 4, 4

SCRIPT = (
    PRELUDE
    + f"""
import sys
class Texts(torch.utils.data.Dataset):
    def __len__(self):
        return 100_000
    def __getitem__(self, index):
        mask = torch.arange({LENGTH}) < {LENGTH} - index % {ROWS}
        return {{"input_ids": torch.arange({LENGTH}) % {WORDS}, "attention_mask": mask.long()}}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding({WORDS}, {WIDTH})
        self.layers = torch.nn.ModuleList(torch.nn.Linear({WIDTH}, {WIDTH}) for _ in range(2))
    def forward(self, ids):
        x = self.words(ids)
        for layer in self.layers:
            x = layer(x)
        return x
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
loader = torch.utils.data.DataLoader(Texts(), batch_size={ROWS}, num_workers=int(sys.argv[1]))
for number, batch in enumerate(loader, 1):
    net(batch["input_ids"]).pow(2).mean().backward()
    if number % {MICRO_BATCHES} == 0:
        counted()
        optimizer.step()
        optimizer.zero_grad()
"""
)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_every_micro_batch_counts(tmp_path: Path, workers: str) -> None:
    options = ("--collectors", "loader,torch,host", "--steps", "32", "--warmup", "4")
    ran = profile(tmp_path, SCRIPT, *options, "--", workers)
    assert_done(ran)
    speed = ran.report["throughput"]
    tokens = MICRO_BATCHES * ROWS * LENGTH
    assert speed["samples_per_s"] == pytest.approx(MICRO_BATCHES * ROWS * speed["steps_per_s"])
    assert speed["tokens_per_s"] == pytest.approx(tokens * speed["steps_per_s"])
    assert speed["padding_share"] == pytest.approx(1.5 / LENGTH)  # rows without 0, 1, 2 and 3 tokens
    assert speed["flops_per_step"] == pytest.approx(tokens * 2 * 3 * 2 * WIDTH**2, rel=0.01)
    assert speed["flops_coverage"] > 0.9, speed
    modules = {row["name"]: row for row in ran.report["modules"]}
    assert modules["Net.layers.*"]["flops_per_step"] == pytest.approx(speed["flops_per_step"])
    assert modules["Net.layers.*"]["calls_per_step"] == 2 * MICRO_BATCHES
    assert modules["Net.words"]["forward_ns"] > 0
    memory = ran.report["memory"]
    assert memory["processes"][0]["role"] == "training process"
    assert memory["limit_bytes"] > memory["rss_peak_bytes"]


def test_the_unit_is_what_the_user_says(tmp_path: Path) -> None:
    unit = ("--unit", "tokens=batch['attention_mask']", "--unit", "samples=input_ids.shape[1]")
    ran = profile(tmp_path, SCRIPT, *QUICK, *unit, "--", "0")
    assert_done(ran)
    speed = ran.report["throughput"]
    assert speed["samples_per_s"] == pytest.approx(MICRO_BATCHES * LENGTH * speed["steps_per_s"])
    assert speed["tokens_per_s"] == pytest.approx(MICRO_BATCHES * ROWS * LENGTH * speed["steps_per_s"])
    assert speed["flops_per_step"] is None
