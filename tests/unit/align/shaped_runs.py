"""Record small models with shapes and modules, as the last block of a window does, in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from throughput.align.torch_trace import load_trace
from throughput.align.work import read_work
from throughput.model.category import Block
from throughput.model.timeline import Step
from throughput.model.work import Work

INPROCESS = Path(__file__).parents[3] / "throughput" / "collect" / "inprocess"

SCRIPT = f"""
import json, sys, time
sys.path.append({str(INPROCESS)!r})
import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from throughput_inprocess import modules
torch.set_num_threads(1)
torch.manual_seed(0)

class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
    def forward(self, x):
        rows, length, width = x.shape
        parts = self.qkv(self.first(x)).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(rows, length, width))
        return x + self.mlp(self.second(x))

class GPT(nn.Module):
    def __init__(self, words=256, width=64, layers=2, heads=4, length=128):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, words, bias=False)
    def forward(self, ids):
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(x)

class Attention(nn.Module):
    def forward(self, query, key, value):
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)

def some(*shape):
    return torch.randn(*shape, requires_grad=True)

class Custom(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        time.sleep(0.02)
        return x * 2
    @staticmethod
    def backward(context, gradient):
        return gradient * 2

class WithCustom(nn.Linear):
    def forward(self, x):
        return Custom.apply(super().forward(x))

CASES = {{
    "linear": (nn.Linear(64, 128), (some(32, 64),)),
    "linear_3d": (nn.Linear(64, 128), (some(8, 4, 64),)),
    "conv": (nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=2), (some(4, 8, 32, 32),)),
    "conv_1d": (nn.Conv1d(8, 16, 5, dilation=2), (some(4, 8, 100),)),
    "transposed": (nn.ConvTranspose2d(8, 16, 4, stride=2), (some(4, 8, 16, 16),)),
    "first_conv": (nn.Conv2d(3, 16, 3), (torch.randn(4, 3, 32, 32),)),
    "attention": (Attention(), (some(2, 4, 128, 32), some(2, 4, 128, 32), some(2, 4, 128, 32))),
    "gpt": (GPT(), (torch.randint(256, (4, 128)),)),
    "lstm": (nn.LSTM(32, 64), (some(20, 8, 32),)),
    "custom": (WithCustom(64, 64), (some(32, 64),)),
}}
original = nn.Module.__call__
times = {{}}
for name, (model, inputs) in CASES.items():
    def step():
        found = model(*inputs)
        (found[0] if isinstance(found, tuple) else found).sum().backward()
    step()
    shift = time.monotonic_ns() - time.time_ns()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        modules.watch(torch)
        begun = time.monotonic_ns()
        step(), step()
        ended = time.monotonic_ns()
        modules.leave()
    assert nn.Module.__call__ is original
    profiler.export_chrome_trace(f"{{sys.argv[1]}}/{{name}}.json.gz")
    times[name] = (begun, ended, shift)
with open(sys.argv[1] + "/times.json", "w") as file:
    json.dump(times, file)
"""


@dataclass(frozen=True)
class Shaped:
    """The work of each model in two steps."""

    work: dict[str, Work]


def record(folder: Path) -> Shaped:
    """Return what the reader makes of the recorded models."""
    script = folder / "record.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for name, (begun, ended, shift) in json.loads((folder / "times.json").read_text()).items():
        half = (begun + ended) // 2
        spans = ((begun, half), (half, ended))
        steps = [Step(index=n, start_ns=a, end_ns=b, block=Block.DROPPED) for n, (a, b) in enumerate(spans)]
        with (folder / f"{name}.json.gz").open("rb") as file:
            found[name] = read_work(load_trace(file), steps, shift)
    return Shaped(work=found)
