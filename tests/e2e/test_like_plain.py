"""The script behaves as it would without us: its streams, random numbers, exit code and compiled graphs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, assert_done, call, plain, profile

LOOP = """
import time
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
def train(steps=80):
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(torch.randn(8, 16), torch.randn(8, 4))
        loss.backward()
        counted()
        optimizer.step()
        time.sleep(0.02)
        print(step, loss.item())
"""
ALL = ("--collectors", "all", "--warmup", "6", "--run-to-end", "--quiet")


def both(tmp_path: Path, script: str, *arguments: str, stdin: bytes = b"") -> tuple[bytes, bytes]:
    """Return what a script prints on standard output without us, and with us to its end."""
    alone = plain(tmp_path, script, *arguments, stdin=stdin)
    (tmp_path / "train.py").write_text(script)
    words = ("profile", "train.py", "--steps", "32", "--out", str(tmp_path / "out"), *ALL, "--", *arguments)
    ran = call(tmp_path, *words, stdin=stdin)
    assert ran.code == 0, ran.text
    assert ran.run["script_exit_code"] == alone.code == 0, alone.text
    assert ran.window["kept"] == 32
    return alone.stdout, ran.stdout


def test_output_and_random_numbers_are_those_of_a_plain_run(tmp_path: Path) -> None:
    script = """
import random, sys
import numpy
random.seed(1)
numpy.random.seed(2)
class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 4000
    def __getitem__(self, number):
        return torch.randn(16) + random.random(), torch.from_numpy(numpy.random.rand(4)).float()
def main():
    loader = torch.utils.data.DataLoader(Noisy(), 4, shuffle=True, num_workers=1)
    for number, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        print(number, loss.item(), random.random(), numpy.random.rand(), torch.rand(1).item())
    print(random.getrandbits(64), numpy.random.rand(), torch.rand(1).item(), torch.initial_seed())
    print(sys.argv, sys.flags, sys.path[1:], [v for v in sorted(os.environ) if v.startswith("PY")])
"""
    # What a script may see of us: PYTHONPATH, which its own children need.
    script = script.replace('v.startswith("PY")', 'v.startswith("PYTHONHASH")')
    alone, ours = both(tmp_path, PRELUDE + LOOP + script + "main()\n", "--x", "é")
    assert ours == alone


def test_binary_output_passes_unchanged(tmp_path: Path) -> None:
    script = """
import sys
sys.stdout.buffer.write(bytes(range(256)) * 40 + b"\\r\\n\\x1b[2J\\xff")
sys.stdout.buffer.flush()
train()
os.write(1, b"last without a line end")
"""
    alone, ours = both(tmp_path, PRELUDE + LOOP + script)
    assert ours == alone
    assert (tmp_path / "out" / "raw" / "output.log").read_bytes() == alone


def test_much_output_is_relayed_and_its_end_kept(tmp_path: Path) -> None:
    script = "\ntrain()\nfor line in range(40_000):\n    print(line, 'x' * 40)\n"
    alone, ours = both(tmp_path, PRELUDE + LOOP + script)
    assert ours == alone
    assert len(alone) > 1_500_000
    assert (tmp_path / "out" / "raw" / "output.log").read_bytes() == alone[-1_000_000:]


def test_standard_input_is_the_scripts(tmp_path: Path) -> None:
    script = "\nimport sys\ntrain()\nprint(sys.stdin.buffer.read())\n"
    alone, ours = both(tmp_path, PRELUDE + LOOP + script, stdin=b"first\n\x00\xff last")
    assert ours == alone
    assert b"last" in ours


def test_standard_error_stays_apart(tmp_path: Path) -> None:
    script = "\nimport sys\nprint('to the error', file=sys.stderr)\nprint('to the output')\ntrain()\n"
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK, "--quiet")
    assert_done(ran)
    assert ran.stderr == b"to the error\n"
    assert ran.stdout.startswith(b"to the output\n0 ")


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(0)", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('said')", 1),
        ("os._exit(5)", 5),
        ("os.kill(os.getpid(), 9)", -9),
    ],
)
def test_the_exit_code_is_the_scripts(tmp_path: Path, ending: str, code: int) -> None:
    script = f"\nimport sys\ntrain(30)\n{ending}\n"
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK, "--steps", "500")
    assert ran.run["script_exit_code"] == code
    assert ran.code == (0 if code == 0 else 3), ran.text
    assert ran.seen == ran.own_count == 30


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiling_breaks_no_more_graphs(tmp_path: Path, backend: str) -> None:
    script = f"""
import atexit, json
import torch._dynamo.utils
compiled = torch.compile(model, backend="{backend}")
@torch.compile(backend="{backend}")
def step(x, y):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(compiled(x), y)
    loss.backward()
    optimizer.step()
    return loss
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(data, 8)
def said():
    counters = torch._dynamo.utils.counters
    found = {{"stats": dict(counters["stats"]), "breaks": dict(counters["graph_break"])}}
    with open("counters.json", "w") as file:
        json.dump(found, file)
for epoch in range(2):
    for x, y in loader:
        step(x, y)
for epoch in range(2):
    for x, y in loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(compiled(x), y).backward()
        optimizer.step()
said()
"""
    alone = plain(tmp_path, PRELUDE + script)
    assert alone.code == 0, alone.text
    ran = profile(tmp_path, PRELUDE + script, *ALL, "--steps", "60")
    assert ran.code == 0, ran.text
    want, have = (json.loads((r.cwd / "counters.json").read_text()) for r in (alone, ran))
    assert have["breaks"] == want["breaks"]
    assert have["stats"] == want["stats"]
    assert ran.window["kept"] == 60
