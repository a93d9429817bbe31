"""What a run states about its machine: real here, and from made-up /proc and /sys trees."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from throughput.collect.environment import chosen_variables, container, environment

if TYPE_CHECKING:
    from pathlib import Path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine() -> None:
    facts = environment(python=sys.executable)
    assert facts["cpus"] >= 1
    assert facts["cpu_count"] == os.cpu_count()
    assert facts["memory_bytes"] > 1e8
    assert facts["python"] == sys.executable
    assert facts["hostname"]
    assert facts["kernel"].split()[1]
    json.dumps(facts)


def test_a_made_up_machine(tmp_path: Path) -> None:
    put(tmp_path, "etc/os-release", 'NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    put(
        tmp_path, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon 9\n\nprocessor\t: 1\nmodel name\t: no\n"
    )
    put(tmp_path, "proc/meminfo", "MemTotal:       1000 kB\nMemFree: 5 kB\n")
    put(tmp_path, "proc/sys/kernel/yama/ptrace_scope", "1\n")
    put(tmp_path, "sys/module/nvidia/version", "570.86\n")
    put(tmp_path, "proc/driver/nvidia/gpus/0000:01/information", "Model: \t\t NVIDIA H200\nIRQ: 5\n")
    put(tmp_path, "proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    put(tmp_path, "proc/self/cgroup", "0::/\n")
    put(tmp_path, "sys/fs/cgroup/cpu.max", "200000 100000\n")
    put(tmp_path, "sys/fs/cgroup/memory.max", "5000\n")
    for node in ("node0", "node1"):
        put(tmp_path, f"sys/devices/system/node/{node}/cpulist", "0")
    facts = environment(variables={}, root=tmp_path)
    assert facts["os"] == "Debian GNU/Linux 12"
    assert facts["cpu_model"] == "Xeon 9"
    assert facts["memory_bytes"] == 1_024_000
    assert facts["memory_limit_bytes"] == 5000
    assert facts["cpu_quota"] == 2
    assert facts["ptrace_scope"] == 1
    assert facts["gpu_driver"] == "570.86"
    assert facts["gpus"] == ["NVIDIA H200"]
    assert facts["numa_nodes"] == 2
    assert facts["container"] is None


def test_a_bare_machine_says_none(tmp_path: Path) -> None:
    facts = environment(variables={}, root=tmp_path)
    assert facts["cpu_quota"] is facts["ptrace_scope"] is facts["gpu_driver"] is facts["numa_nodes"] is None
    assert facts["gpus"] == []
    assert facts["env"] == {}


@pytest.mark.parametrize(
    ("variables", "file", "name"),
    [
        ({"KUBERNETES_SERVICE_HOST": "x"}, ".dockerenv", "kubernetes"),
        ({}, ".dockerenv", "docker"),
        ({}, "run/.containerenv", "podman"),
        ({"APPTAINER_CONTAINER": "x.sif"}, "x", "apptainer"),
        ({"container": "systemd-nspawn"}, "x", "systemd-nspawn"),
        ({}, "x", None),
    ],
)
def test_containers(variables: dict[str, str], file: str, name: str | None, tmp_path: Path) -> None:
    put(tmp_path, file, "")
    assert container(variables, tmp_path) == name


def test_a_container_known_by_its_groups_alone(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "4:memory:/kubepods/burstable/pod1\n")
    assert container({}, tmp_path) == "kubernetes"


def test_variables_by_an_allow_list() -> None:
    variables = {
        "OMP_NUM_THREADS": "4",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTORCH_CUDA_ALLOC_CONF": "x" * 1000,
        "NCCL_DEBUG": "INFO",
        "TORCH_LOGS": "https://u:p@host/x",
        "TORCH_AUTH_TOKEN": "abc",
        "WANDB_API_KEY": "abc",
        "HF_TOKEN": "abc",
        "HOME": "x",
        "PATH": "x",
    }
    assert chosen_variables(variables) == {
        "OMP_NUM_THREADS": "4",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTORCH_CUDA_ALLOC_CONF": "x" * 500,
        "NCCL_DEBUG": "INFO",
        "TORCH_LOGS": "https://***@host/x",
        "TORCH_AUTH_TOKEN": "***",
    }
