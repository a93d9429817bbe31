"""What `doctor` says: tried for real on this machine, and on made-up ones that refuse."""

from __future__ import annotations

import os
import shutil
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from throughput.collect import abilities as module
from throughput.collect import trials
from throughput.collect.abilities import abilities
from throughput.model.ability import Ability

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def program(path: Path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def python_without_torch(folder: Path) -> str:
    """An interpreter in which importing torch fails at once: the test needs no torch and no time."""
    put(folder, "torch.py", "raise ImportError('broken torch')")
    return program(folder / "python", f'PYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')


@linux
def test_everything_is_tried_on_this_machine(tmp_path: Path) -> None:
    found = {ability.name: ability for ability in abilities(python_without_torch(tmp_path), tmp_path)}
    assert list(found) == [
        "operating system", "python", "torch", "py-spy", "system calls", "run queue", "gpu counters",
        "cpu quota", "container", "/dev/shm", "disk", "perf events",
    ]  # fmt: skip
    assert found["operating system"].state == "ok"
    assert found["python"].detail.startswith(f"Python {sys.version_info[0]}.{sys.version_info[1]}")
    assert found["torch"].state == "unavailable"
    assert "broken torch" in found["torch"].detail
    # Whatever is not had comes with a remedy, or there is none.
    assert found["py-spy"].state == "ok" or found["py-spy"].remedy
    for ability in found.values():
        assert ability.detail


def test_an_interpreter_that_is_none(tmp_path: Path) -> None:
    missing = trials.interpreter(str(tmp_path / "none"))
    assert missing == (
        Ability(
            name="python",
            state="unavailable",
            detail=f"{tmp_path / 'none'} does not run a program: No such file or directory",
            remedy="Name the script's interpreter with --python PATH.",
        ),
    )
    assert trials.interpreter(program(tmp_path / "silent", "exit 3\n"))[0].state == "unavailable"
    assert trials.interpreter(program(tmp_path / "odd", "echo 5\n"))[0].state == "unavailable"
    assert trials.attachment(str(tmp_path / "none"), {}) == ()
    assert trials.attachment(program(tmp_path / "mute", "exit 0\n"), {}) == ()


@pytest.mark.parametrize(
    ("about", "states", "says"),
    [
        ('"version": [3, 9, 1]', ["unavailable", "ok"], "older than 3.10"),
        ('"version": [3, 12, 1], "implementation": "pypy"', ["limited", "ok"], "pypy 3.12.1"),
        ('"version": [3, 13, 1], "free_threaded": true', ["limited", "ok"], "without a GIL"),
        ('"version": [3, 12, 1]', ["ok", "ok"], "Python 3.12.1"),
    ],
)
def test_interpreters(about: str, states: list[str], says: str, tmp_path: Path) -> None:
    rest = '"implementation": "cpython", "free_threaded": false, "torch": "2.9", "cuda": "12.8", "gpus": 2'
    python = program(tmp_path / "python", f"echo noise\necho '{{{rest}, {about}}}'\n")
    found = trials.interpreter(python)
    assert [ability.state for ability in found] == states
    assert says in found[0].detail
    assert found[1].detail == "torch 2.9, CUDA 12.8, 2 GPUs usable"


def test_pyspy_refused_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = program(tmp_path / "py-spy", "echo 'Error: Permission Denied: try again' >&2; exit 1\n")
    monkeypatch.setattr(trials, "find_pyspy", lambda: refusing)
    refused = trials._pyspy_ability(os.getpid(), {"KUBERNETES_SERVICE_HOST": "x"})
    assert refused.state == "limited"
    assert refused.detail.startswith("Error: Permission Denied")
    assert "securityContext.capabilities.add: [SYS_PTRACE]" in (refused.remedy or "")
    unreadable = program(tmp_path / "py-spy", "echo 'Error: Unsupported version of Python' >&2; exit 1\n")
    monkeypatch.setattr(trials, "find_pyspy", lambda: unreadable)
    assert "Update py-spy" in (trials._pyspy_ability(os.getpid(), {}).remedy or "")
    monkeypatch.setattr(trials, "find_pyspy", lambda: None)
    assert trials._pyspy_ability(os.getpid(), {}).remedy == "pip install py-spy"


def test_pyspy_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = program(tmp_path / "py-spy", "exec sleep 60\n")
    monkeypatch.setattr(trials, "find_pyspy", lambda: hanging)
    monkeypatch.setattr(trials, "PYSPY_SECONDS", 0.2)
    assert trials._pyspy_ability(os.getpid(), {}).state == "limited"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {".dockerenv": "", "proc/self/status": "Seccomp:\t2\n"},
            "--cap-add=SYS_PTRACE (docker); or --security-opt seccomp=unconfined",
        ),
        ({"proc/sys/kernel/yama/ptrace_scope": "1\n"}, "sysctl kernel.yama.ptrace_scope=0 (it is 1)"),
        ({"proc/sys/kernel/yama/ptrace_scope": "3\n"}, "only a restart"),
        ({"proc/self/status": "Seccomp:\t2\n"}, "as root"),
    ],
)
def test_what_would_allow_ptrace(files: dict[str, str], says: str, tmp_path: Path) -> None:
    for name, text in files.items():
        put(tmp_path, name, text)
    assert says in trials.ptrace_remedy({}, tmp_path)


def test_ptrace_capability(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/status", f"CapEff:\t{1 << 19:016x}\n")
    assert trials.has_ptrace_capability(tmp_path)
    put(tmp_path, "proc/self/status", f"CapEff:\t{0xFFFF:016x}\n")
    assert not trials.has_ptrace_capability(tmp_path)


def test_systems() -> None:
    assert module.operating_system("Linux").state == "ok"
    assert "saved runs can be read" in module.operating_system("Darwin").detail
    windows = module.operating_system("Windows")
    assert (windows.state, "read and compared" in windows.detail) == ("unavailable", True)


def test_where_nothing_can_be_recorded_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr(module, "interpreter", None)
    assert [ability.state for ability in abilities()] == ["unavailable"]


def test_kernel_figures(tmp_path: Path) -> None:
    assert module.schedstat(tmp_path).state == "limited"
    put(tmp_path, "proc/self/schedstat", "123 4 5\n")
    assert module.schedstat(tmp_path).state == "ok"
    assert module.perf_events(tmp_path).state == "unavailable"
    put(tmp_path, "proc/sys/kernel/perf_event_paranoid", "4\n")
    assert module.perf_events(tmp_path).remedy == "sudo sysctl kernel.perf_event_paranoid=2"


def test_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cpus", lambda: 8)
    assert module.cpu_quota(tmp_path).state == "ok"
    put(tmp_path, "proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    put(tmp_path, "proc/self/cgroup", "0::/\n")
    put(tmp_path, "sys/fs/cgroup/cpu.max", "150000 100000\n")
    limited = module.cpu_quota(tmp_path)
    assert limited.detail.startswith("1.5 of 8 CPUs")
    assert "OMP_NUM_THREADS=1." in (limited.remedy or "")


def test_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.disk_space(tmp_path / "none").state == "unavailable"
    assert "not there" in module.shared_memory(tmp_path / "none").detail
    for free, state in ((64 << 20, "limited"), (1 << 20, "unavailable"), (8 << 30, "ok")):
        usage = SimpleNamespace(free=free, total=9 << 30)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, usage=usage: usage)
        assert module.disk_space(tmp_path).state == state
        shm = module.shared_memory(tmp_path)
        assert (shm.state == "ok") is (state == "ok")
        assert shm.state == "ok" or "--shm-size" in (shm.remedy or "")


def test_gpu_counters_without_a_driver_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    ability = module.gpu_counters()
    assert ability.state == "unavailable"
    assert "nvidia-ml-py" in ability.detail


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="none of"):
        Ability(name="x", state="fine", detail="")
