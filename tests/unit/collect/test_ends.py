"""Ends that were not ours, told from the exit code, last words, the fault's stack, the kernel's counts."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.collect.ends import Signs, end_of, oom_kills, read_signs
from throughput.model.run import End

RAISED = """step 36
Traceback (most recent call last):
  File "/project/train.py", line 40, in <module>
    main()
  File "/project/train.py", line 37, in main
    step(batch)
  File "/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1500, in _call_impl
    return forward_call(*args)
{}
done
"""
WORKER = RAISED.format("RuntimeError: DataLoader worker (pid 4711) is killed by signal: {}. {}")
EXITED = RAISED.format("RuntimeError: DataLoader worker (pid(s) 4711, 4712) exited unexpectedly")
NESTED = """Traceback (most recent call last):
  File "/project/train.py", line 9, in <module>
    for batch in loader:
ValueError: Caught ValueError in DataLoader worker process 1.
Original Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/torch/utils/data/_utils/worker.py", line 300, in _worker_loop
    data = fetcher.fetch(index)
  File "/project/data.py", line 12, in __getitem__
    raise ValueError("bad sample")
ValueError: bad sample
"""
FAULTS = """Fatal Python error: Segmentation fault

Thread 0x00007f10 (most recent call first):
  File "/venv/lib/python3.11/threading.py", line 320 in wait

Current thread 0x00007f11 (most recent call first):
  File "/project/native.py", line 8 in crash
  File "/project/train.py", line 30 in main
  File "/project/train.py", line 33 in <module>

Extension modules: numpy
"""


def end(code: int | None, output: str = "", **more: Any) -> End:
    """Return what an end was."""
    found = end_of(Signs(exit_code=code, output=output, script_dir="/project", **more))
    assert found is not None
    return found


def test_an_exception_with_its_own_line() -> None:
    found = end(1, RAISED.format("ValueError: at the step"))
    assert found.kind == "exception"
    assert found.sentence == "The script raised ValueError: at the step, in main train.py:37."


def test_an_exception_in_a_worker_is_the_workers_own() -> None:
    assert end(1, NESTED).sentence == "The script raised ValueError: bad sample, in __getitem__ data.py:12."


def test_a_ranks_traceback_bears_its_number(tmp_path: Path) -> None:
    text = "".join(f"[rank1]: {line}\n" for line in RAISED.format("KeyError: 'x'").splitlines())
    (tmp_path / "output.log").write_text(text)
    found = end_of(read_signs(tmp_path, 1, None, "/project"))
    assert found is not None
    assert found.sentence == "The script raised KeyError: 'x', in main train.py:37."


def test_a_syntax_error_has_no_traceback() -> None:
    found = end(1, '  File "/project/train.py", line 1\n    def broken(:\nSyntaxError: invalid syntax\n')
    assert (found.kind, found.sentence) == ("exception", "The script raised SyntaxError: invalid syntax.")


def test_a_code_without_an_exception() -> None:
    assert end(3, "bye\n").sentence == "The script ended with exit code 3 and showed no exception."


def test_secrets_in_a_message_are_masked_and_long_ones_cut() -> None:
    found = end(1, RAISED.format("RuntimeError: token ghp_" + "a1" * 20 + " " + "x" * 900))
    assert "ghp_" not in found.sentence
    assert len(found.sentence) < 300


@pytest.mark.parametrize("code", [-signal.SIGSEGV, 128 + signal.SIGSEGV])
def test_a_crash_shows_pythons_stack(code: int) -> None:
    found = end(code, faults=FAULTS)
    assert found.kind == "segfault"
    assert found.sentence == "The script crashed with SIGSEGV, in crash native.py:8."
    assert found.evidence[1:] == ("crash native.py:8", "main train.py:30", "<module> train.py:33")
    assert end(code).sentence == "The script crashed with SIGSEGV."
    assert end(-signal.SIGABRT).kind == "signal"


@pytest.mark.parametrize(
    ("code", "output"),
    [(-9, ""), (137, ""), (1, WORKER.format("Killed", "")), (1, EXITED), (1, "exitcode  : -9 (pid: 7)")],
)
def test_the_kernels_killer_is_named_where_it_counted(code: int, output: str) -> None:
    found = end(code, output, oom_kills=1, memory_limit=16_000_000_000)
    assert found.kind == "out_of_memory"
    assert "rose by 1" in found.evidence[0]
    assert "16.0" in found.evidence[1]
    assert ("worker" in found.sentence) == ("DataLoader" in output)


def test_a_kill_without_a_count_is_somebody_elses() -> None:
    assert end(-9, oom_kills=0).kind == "killed"
    assert end(-9, oom_kills=0).evidence[-1].endswith("none")
    assert end(-9).evidence[-1].endswith("not known")
    worker = end(1, WORKER.format("Killed", ""), oom_kills=0)
    assert worker.sentence.startswith("A DataLoader worker was killed")


def test_an_allocation_that_was_refused() -> None:
    found = end(1, RAISED.format("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried"))
    assert found.kind == "out_of_memory"
    assert end(1, RAISED.format("MemoryError")).kind == "out_of_memory"


@pytest.mark.parametrize(
    "output",
    [
        WORKER.format("Bus error", "It is possible that dataloader's workers are out of shared memory."),
        RAISED.format(
            "RuntimeError: unable to allocate shared memory(shm) for file </torch_1>: No space left on device"
        ),
    ],
)
def test_a_full_shared_memory(output: str) -> None:
    found = end(1, output, shm_bytes=64_000_000)
    assert found.kind == "shared_memory_full"
    assert "/dev/shm" in found.sentence
    assert "64.0" in found.evidence[0]


def test_a_device_without_memory() -> None:
    found = end(1, RAISED.format("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert found.kind == "device_out_of_memory"
    assert found.sentence == "The device ran out of memory, in main train.py:37."
    assert "2.00 GiB" in found.evidence[0]


@pytest.mark.parametrize("code", [-signal.SIGTERM, 143])
def test_a_schedulers_term(code: int) -> None:
    assert end(code).kind == "terminated"


@pytest.mark.parametrize("code", [0, None])
def test_an_end_as_it_should_be(code: int | None) -> None:
    assert end_of(Signs(exit_code=code, output=RAISED.format("ValueError: caught"))) is None


@given(st.integers(-64, 255), st.text(), st.text(), st.none() | st.integers(0, 3))
def test_whatever_was_printed_there_is_one_sentence(
    code: int, output: str, faults: str, kills: int | None
) -> None:
    found = end_of(Signs(exit_code=code, output=output, faults=faults, oom_kills=kills))
    assert (found is None) == (code == 0)
    if found is not None:
        assert found.sentence.endswith(".")
        assert "\n" not in found.sentence


def test_the_kernels_count_is_read() -> None:
    count = oom_kills()
    assert count is None or count >= 0
