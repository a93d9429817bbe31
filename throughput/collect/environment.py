"""Turn the machine into what a run must state about it: system, CPUs, limits, GPU driver, chosen variables.

It is the parent's view; versions of Python and torch and torch's flags are the script's own and come from it.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from throughput.collect.cgroups import cgroups_of, read_text
from throughput.collect.secrets import mask_value

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path("/")

VARIABLES = re.compile(
    r"""(?x)
      (?:OMP|MKL|OPENBLAS|BLIS|VECLIB|NUMEXPR|NUMBA|KMP|GOMP|DNNL|ONEDNN|GOTO|POLARS|RAYON)_\w+
    | (?:CUDA|CUDNN|CUBLAS|NVIDIA|NCCL|GLOO|TORCH|TORCHELASTIC|TORCHINDUCTOR|TORCHDYNAMO|PYTORCH|TRITON|XLA
        |HIP|ROCR|HSA|MIOPEN)_\w+
    | PYTHON(?:HASHSEED|UNBUFFERED|MALLOC|OPTIMIZE|DEVMODE|FAULTHANDLER|DONTWRITEBYTECODE|_GIL|TRACEMALLOC)
    | MALLOC_\w+ | LD_PRELOAD | TOKENIZERS_PARALLELISM | HF_HUB_OFFLINE | HF_DATASETS_OFFLINE
    | TRANSFORMERS_OFFLINE | WANDB_MODE | WORLD_SIZE | RANK | LOCAL_RANK | LOCAL_WORLD_SIZE | MASTER_PORT
    | OPENCV_\w+ | CV_\w+ | TF_NUM_\w+ | SLURM_(?:CPUS|NTASKS|NNODES|GPUS|MEM|JOB_NUM|TASKS)\w* | CI
    """
)
"""Only what changes how fast or how repeatable training is; everything else stays unseen."""
VALUE_LONGEST = 500


def environment(
    python: str | None = None, variables: Mapping[str, str] | None = None, root: Path = ROOT
) -> dict[str, Any]:
    """Return the machine and the settings under which a script runs; None where the system can't tell.

    Args:
        python: The script's interpreter, as it will be started.
        variables: The environment that the script gets; ours where it isn't given.
        root: Where /proc and /sys lie.
    """
    groups = cgroups_of("self", root)
    chosen = os.environ if variables is None else variables
    return {
        "hostname": platform.node(),
        "os": _system_name(root),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu_model": _cpu_model(root),
        "cpus": usable_cpus(),
        "cpu_count": os.cpu_count(),
        "cpu_quota": groups.cpu_quota(),
        "cpu_governor": read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
        or None,
        "numa_nodes": _numa_nodes(root),
        "memory_bytes": memory_bytes(root),
        "memory_limit_bytes": groups.memory_limit(),
        "container": container(chosen, root),
        "ptrace_scope": _integer(root / "proc/sys/kernel/yama/ptrace_scope"),
        "python": python,
        "gpu_driver": gpu_driver(root),
        "gpus": _gpu_names(root),
        "env": chosen_variables(chosen),
    }


def usable_cpus() -> int | None:
    """Return on how many CPUs this process may run (affinity, not quota)."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def memory_bytes(root: Path = ROOT) -> int | None:
    """Return the machine's memory."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", read_text(root / "proc/meminfo"), re.MULTILINE)
    if match:
        return int(match[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def container(variables: Mapping[str, str], root: Path = ROOT) -> str | None:
    """Return which container this runs in; None on a plain machine."""
    if "KUBERNETES_SERVICE_HOST" in variables:
        return "kubernetes"
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    if "APPTAINER_CONTAINER" in variables or "SINGULARITY_CONTAINER" in variables:
        return "apptainer"
    named = read_text(root / "run/systemd/container").strip() or variables.get("container", "")
    if named:
        return named[:40]
    # cgroup v1 without a namespace of its own still shows the host's path.
    match = re.search(r"/(docker|kubepods|lxc|libpod)\b", read_text(root / "proc/self/cgroup"))
    return {"kubepods": "kubernetes", "libpod": "podman"}.get(match[1], match[1]) if match else None


def gpu_driver(root: Path = ROOT) -> str | None:
    """Return the NVIDIA kernel driver's version; None without one."""
    return read_text(root / "sys/module/nvidia/version").strip() or None


def chosen_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that matter for speed and repeatability, capped, what looks secret masked."""
    return {
        name: mask_value(name, value[:VALUE_LONGEST])
        for name, value in sorted(variables.items())
        if VARIABLES.fullmatch(name)
    }


def _system_name(root: Path) -> str:
    match = re.search(r'^PRETTY_NAME="?([^"\n]+)"?$', read_text(root / "etc/os-release"), re.MULTILINE)
    return match[1] if match else platform.platform(terse=True)


def _cpu_model(root: Path) -> str | None:
    text = read_text(root / "proc/cpuinfo", 1 << 16)
    match = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or None


def _numa_nodes(root: Path) -> int | None:
    nodes = len(list((root / "sys/devices/system/node").glob("node[0-9]*")))
    return nodes or None


def _gpu_names(root: Path) -> list[str]:
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    matches = (re.search(r"^Model:\s*(.+)$", read_text(file), re.MULTILINE) for file in files)
    return [match[1].strip() for match in matches if match]


def _integer(path: Path) -> int | None:
    try:
        return int(read_text(path))
    except ValueError:
        return None
