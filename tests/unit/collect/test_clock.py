"""The phase clock's readings belong together, also where the thread must wait for a CPU between them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

INPROCESS = Path(__file__).parents[3] / "throughput" / "collect" / "inprocess"

CROWD = """
import json, os, subprocess, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
sys.path.insert(0, sys.argv[1])
from throughput_inprocess.clock import OPTIMIZER, PhaseClock, open_schedstat, thread_readings
rows, fetches = [], []
try:
    clk = PhaseClock()
    clk.write = lambda *row: rows.append(row)
    fd = open_schedstat()
    for _ in range(150):
        clk.enter(OPTIMIZER)
        before = thread_readings(fd)
        sum(range(60_000))
        after = thread_readings(fd)
        clk.leave()
        fetches.append([b - a for a, b in zip(before, after)])
        time.sleep(0.0005)
finally:
    for other in others:
        other.kill()
print(json.dumps([[[row[3] - row[2], row[5], row[6]] for row in rows], fetches]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_waits_for_a_cpu_lie_in_the_segment_that_was_held_up() -> None:
    words = [sys.executable, "-c", CROWD, str(INPROCESS)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout
    segments, fetches = json.loads(printed)
    for readings in (segments, fetches):
        waited = [queued for _, _, queued in readings if queued > 500_000]
        over = [1 for length, ran, queued in readings if ran + queued > length + 500_000]
        assert len(waited) > 20, "nobody was in the way: the test shows nothing"
        assert len(over) <= 0.1 * len(waited)
