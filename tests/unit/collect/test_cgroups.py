"""Quotas and limits are found in v1, v2, nested groups and containers, on made-up /proc and /sys trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from throughput.collect.cgroups import cgroups_of

if TYPE_CHECKING:
    from pathlib import Path


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def test_the_tightest_quota_of_the_ancestors_counts(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V2,
            "proc/7/cgroup": "0::/pod/train\n",
            "sys/fs/cgroup/cgroup.procs": "",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/pod/memory.max": "8000000000\n",
            "sys/fs/cgroup/pod/train/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/train/memory.max": "max\n",
        },
    )
    groups = cgroups_of(7, root)
    assert groups.cpu_quota() == 1.5
    assert groups.memory_limit() == 8_000_000_000
    assert groups.stat_file() == str(root / "sys/fs/cgroup/pod/cpu.stat")


def test_version_1_under_a_hosts_path_in_a_container(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V1,
            "proc/7/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096000\n",
        },
    )
    groups = cgroups_of(7, root)
    assert groups.cpu_quota() == 0.5
    assert groups.memory_limit() == 4_096_000


def test_no_limit_is_none(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/mountinfo": V1 + "garbage\n",
            "proc/7/cgroup": "4:memory:/\n2:cpu:/\nnonsense\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    groups = cgroups_of(7, root)
    assert groups.cpu_quota() is None
    assert groups.memory_limit() is None
    assert groups.stat_file() is None


def test_a_machine_without_groups(tmp_path: Path) -> None:
    groups = cgroups_of(7, tmp_path)
    assert groups.cpu == groups.memory == ()
    assert groups.cpu_quota() is None
