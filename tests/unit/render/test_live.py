"""The live display and its plain line."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.unit.render import builders as b
from throughput.model.category import Category
from throughput.render.live import LiveState, live_view, plain_line

STATE = LiveState(
    phase="measuring",
    step=50,
    steps=200,
    steps_per_s=6.25,
    elapsed_s=12.4,
    shares=((Category.COMPUTE, 0.25), (Category.DATA_LOADING, 0.59), (Category.HOST_WORK, 0.16)),
)


def drawn(state: LiveState, width: int = 100, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    Console(file=file, width=width, color_system=None).print(live_view(state))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_plain_line() -> None:
    assert plain_line(STATE) == (
        "measuring, step 50 of 200, 6.25 steps/s, 12.0 s, Data loading 59 %, CPU compute 25 %, Host work 16 %"
    )
    assert plain_line(LiveState(phase="starting")) == "starting, 0 s"
    assert plain_line(LiveState(phase="measuring", step=3, note="a\nb")) == "measuring, step 3, 0 s, a b"


def test_the_view_shows_progress_and_split() -> None:
    first, second = drawn(STATE).splitlines()
    assert first.startswith("━━━━━━──")
    assert "measuring · step 50 of 200 · 6.25\u00a0steps/s" in first
    assert second.startswith("█" * 14 + "▓" * 6)
    assert "Data loading 59\u00a0%" in second


def test_on_a_device_compute_is_the_gpus() -> None:
    state = LiveState(phase="measuring", shares=((Category.COMPUTE, 1.0),), has_device=True)
    assert "GPU compute" in plain_line(state)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@given(st.integers(-1, 10**9), st.integers(0, 10**6), st.sampled_from(b.HOSTILE), st.integers(10, 120))
def test_any_state_stays_on_two_lines(encoding: str, step: int, steps: int, note: str, width: int) -> None:
    state = LiveState(phase=note, step=step, steps=steps, note=note, shares=STATE.shares)
    rows = drawn(state, width, encoding).splitlines()
    assert len(rows) == 2
    assert all(cell_len(row) <= width for row in rows)
    assert "\n" not in plain_line(state)


def test_it_loads_no_numpy() -> None:
    code = "import sys, throughput.render.live; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
