"""Memory that grows with the steps is named with the line that keeps it, or said to be C code's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.profiling import PRELUDE, assert_done, profile

KEPT = 1_000_000
"""Bytes that a step keeps."""

SCRIPT = (
    PRELUDE
    + f"""
import ctypes, itertools, time
import numpy as np
allocate = ctypes.CDLL(None).malloc
allocate.restype = ctypes.c_void_p
wide = torch.nn.Linear(16, {KEPT} // 64)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
history, last = [], None
def keep_graph(x):
    history.append(wide(x).tanh().mean())
def keep_array(x):
    history.append(np.ones({KEPT} // 8))
def keep_in_c(x):
    ctypes.memset(allocate({KEPT}), 1, {KEPT})
def keep_nothing(x):
    global last
    last = np.ones({KEPT} // 8)
for number in itertools.count():
    x, y = data[number * 16 % 320:number * 16 % 320 + 16]
    KEEP(x)
    time.sleep(0.05)
    loss_of(x, y).backward()
    counted()
    optimizer.step()
    optimizer.zero_grad()
"""
)


def of_memory(tmp_path: Path, keep: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the finding on memory that grows, and the growth, of a run whose steps do this."""
    options = ("--collectors", "host,cprofile", "--steps", "240", "--warmup", "5")
    ran = profile(tmp_path, SCRIPT.replace("KEEP(", f"{keep}("), *options)
    assert_done(ran)
    (tensors,) = ran.report["memory"]["tensors"]
    assert tensors["device"] == "cpu"
    assert KEPT < tensors["parameters_bytes"] < 1.5 * KEPT
    findings = (one for one in ran.report["findings"] if one["rule"] == "memory-grows")
    return next(findings, None), ran.report["memory"]["growth"]


@pytest.mark.parametrize(("keep", "graphs", "size"), [("keep_graph", 1.0, 0), ("keep_array", 0.0, KEPT)])
def test_the_line_that_keeps_it_is_named(tmp_path: Path, keep: str, graphs: float, size: int) -> None:
    finding, growth = of_memory(tmp_path, keep)
    assert finding is not None
    (named,) = (number for number, line in enumerate(SCRIPT.splitlines(), 1) if f"def {keep}(" in line)
    assert finding["where"] == {"file": "train.py", "line": named + 1, "function": keep}
    # The allocator fills the hole that `wide`'s output leaves below tanh's, or not.
    assert 0.75 * KEPT < growth["bytes_per_step"] < (2.25 if graphs else 1.25) * KEPT
    kept = growth["kept"]["lines"][0]
    assert (kept["line"], kept["graphs_per_step"]) == (named + 1, graphs)
    if size:
        assert kept["bytes_per_step"] == pytest.approx(size, rel=0.02)


def test_what_c_code_keeps_has_no_line(tmp_path: Path) -> None:
    finding, growth = of_memory(tmp_path, "keep_in_c")
    assert finding is not None
    assert finding["where"] is None
    assert any("C code holds it" in line for line in finding["evidence"])
    assert growth["kept"]["bytes_per_step"] < 0.05 * KEPT


def test_a_sound_script_is_not_traced(tmp_path: Path) -> None:
    finding, growth = of_memory(tmp_path, "keep_nothing")
    assert finding is None
    assert growth["kept"] is None
