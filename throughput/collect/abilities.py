"""Turn this machine into what can be collected on it, why not, and what would change that (`doctor`)."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from throughput.collect.cgroups import cgroups_of, read_text
from throughput.collect.environment import container, usable_cpus
from throughput.collect.gpu import machine_facts, open_nvml
from throughput.collect.trials import attachment, has_ptrace_capability, interpreter
from throughput.model.ability import Ability

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path("/")
LEAST_SHM_BYTES = 1 << 30
"""Docker gives 64 MB; a few prefetched image batches of 8 workers take hundreds."""
LEAST_DISK_BYTES = 1 << 30
"""A run of 200 steps writes 10 to 300 MB."""
NO_DISK_BYTES = 50 << 20


def abilities(python: str | None = None, folder: Path | None = None) -> tuple[Ability, ...]:
    """Return what can be collected here, tried for real where that takes a child; about 5 s with torch.

    Args:
        python: The script's interpreter; ours where it isn't given.
        folder: Where runs are written; the current folder where it isn't given.
    """
    chosen = python or sys.executable
    system = operating_system(platform.system())
    if system.state == "unavailable":
        return (system,)
    tried = interpreter(chosen)
    runs = tried[0].state != "unavailable"
    return (
        system,
        *tried,
        *(attachment(chosen, os.environ) if runs else ()),
        schedstat(),
        gpu_counters(),
        cpu_quota(),
        inside_container(os.environ),
        shared_memory(),
        disk_space(folder or Path.cwd()),
        perf_events(),
    )


def operating_system(name: str) -> Ability:
    """Return how much works on a system of this name."""
    title = "operating system"
    if name == "Linux":
        return Ability(name=title, state="ok", detail=f"Linux {platform.release()}")
    if name == "Darwin":
        detail = "macOS: saved runs can be read; profiling needs Linux's /proc (run queue, blocked threads)"
        return Ability(name=title, state="unavailable", detail=detail, remedy="Profile on Linux.")
    detail = f"{name or 'unknown system'}: saved runs can be read and compared, none recorded"
    return Ability(name=title, state="unavailable", detail=detail, remedy="Profile on Linux (WSL 2 counts).")


def schedstat(root: Path = ROOT) -> Ability:
    """Return whether the kernel counts the time in the run queue."""
    fields = read_text(root / "proc/self/schedstat").split()
    if len(fields) >= 2 and fields[0] != "0":
        return Ability(name="run queue", state="ok", detail="/proc/<pid>/schedstat counts")
    detail = "no /proc/<pid>/schedstat: waiting for a CPU can't be told from other waiting"
    remedy = "A kernel with CONFIG_SCHED_INFO; sandboxes such as gVisor have none."
    return Ability(name="run queue", state="limited", detail=detail, remedy=remedy)


def gpu_counters() -> Ability:
    """Return whether NVML answers, and for which GPUs."""
    nvml, status = open_nvml()
    if nvml is None:
        return Ability(
            name="gpu counters", state="unavailable", detail=status.reason or "", remedy=status.remedy
        )
    facts = machine_facts(nvml)
    nvml.nvmlShutdown()
    names = ", ".join(str(gpu.get("name", "GPU")) for gpu in facts["gpus"])
    detail = f"driver {facts.get('driver')}: {names}"
    return Ability(name="gpu counters", state="ok", detail=detail)


def cpu_quota(root: Path = ROOT) -> Ability:
    """Return whether a control group limits the CPUs below what programs count."""
    quota, cpus = cgroups_of("self", root).cpu_quota(), usable_cpus()
    if quota is None or cpus is None or quota >= cpus:
        return Ability(name="cpu quota", state="ok", detail=f"none below the {cpus} CPUs that may be used")
    detail = f"{quota:g} of {cpus} CPUs: programs that count CPUs start too many threads and are throttled"
    remedy = f"Raise it (docker --cpus, the pod's limits.cpu), or set OMP_NUM_THREADS={max(1, int(quota))}."
    return Ability(name="cpu quota", state="limited", detail=detail, remedy=remedy)


def inside_container(variables: Mapping[str, str], root: Path = ROOT) -> Ability:
    """Return which container this is; whether it may look into processes is found out by trying."""
    box = container(variables, root)
    if box is None:
        return Ability(name="container", state="ok", detail="none")
    may = "with" if has_ptrace_capability(root) else "without"
    return Ability(name="container", state="ok", detail=f"{box}, {may} SYS_PTRACE")


def shared_memory(path: Path = Path("/dev/shm")) -> Ability:  # noqa: S108 - where DataLoader workers send batches
    """Return whether DataLoader workers have room to send batches."""
    name = str(path)
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return Ability(name=name, state="ok", detail="not there: batches travel through files instead")
    detail = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB free"
    if usage.free >= LEAST_SHM_BYTES:
        return Ability(name=name, state="ok", detail=detail)
    remedy = "docker run --shm-size=8g (or --ipc=host); in a pod mount an emptyDir with medium: Memory there."
    return Ability(name=name, state="limited", detail=f"{detail}: workers may crash", remedy=remedy)


def disk_space(folder: Path) -> Ability:
    """Return whether a run can be written."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        detail = f"{folder}: {error.strerror}"
        return Ability(
            name="disk", state="unavailable", detail=detail, remedy="Name a folder with --out DIR."
        )
    detail = f"{free / 1e9:.1f} GB free for runs"
    if free >= LEAST_DISK_BYTES:
        return Ability(name="disk", state="ok", detail=detail)
    state = "limited" if free >= NO_DISK_BYTES else "unavailable"
    return Ability(name="disk", state=state, detail=detail, remedy="Free space, or use --out DIR elsewhere.")


def perf_events(root: Path = ROOT) -> Ability:
    """Return whether Linux perf could be used beside: nothing here depends on it."""
    name = "perf events"
    text = read_text(root / "proc/sys/kernel/perf_event_paranoid").strip()
    if re.fullmatch(r"-?\d+", text) is None:
        detail = "this kernel has none; throughput needs none"
        return Ability(name=name, state="unavailable", detail=detail)
    detail = f"kernel.perf_event_paranoid is {text}; throughput needs none, `perf record` of native code does"
    if int(text) <= 2:  # own processes in user mode, for everybody
        return Ability(name=name, state="ok", detail=detail)
    remedy = "sudo sysctl kernel.perf_event_paranoid=2"
    return Ability(name=name, state="limited", detail=detail, remedy=remedy)
