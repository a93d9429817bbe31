"""Turn the control groups of a Linux process into its CPU quota, memory limit and throttling, v1 and v2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")

UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63: nothing real is that large."""


def read_text(path: Path, limit: int = 1 << 20) -> str:
    """Return the start of a text file, empty where it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    """Folders, own group first, that hold the CPU controller and the memory controller of a process."""

    cpu: tuple[Path, ...] = ()
    memory: tuple[Path, ...] = ()

    def cpu_quota(self) -> float | None:
        """Return the tightest CPU limit in CPUs; None without one."""
        quotas = [q for q in map(_quota, self.cpu) if q is not None]
        return min(quotas, default=None)

    def memory_limit(self) -> int | None:
        """Return the tightest memory limit, bytes; None without one."""
        limits = [n for n in map(_memory_limit, self.memory) if n is not None]
        return min(limits, default=None)

    def stat_file(self) -> str | None:
        """Return the `cpu.stat` of the group with the tightest quota: only groups with one are throttled."""
        groups = [(quota, str(d / "cpu.stat")) for d in self.cpu if (quota := _quota(d)) is not None]
        return min(groups)[1] if groups else None


def cgroups_of(pid: int | str = "self", root: Path = ROOT) -> Cgroups:
    """Return where the kernel keeps the limits of a process; empty where there are none (macOS)."""
    cpu: list[Path] = []
    memory: list[Path] = []
    mounts = _mounts(root)
    for line in read_text(root / "proc" / str(pid) / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = set(controllers.split(",")) if controllers else {"", "cpu", "memory"}
        for name, found in (("cpu", cpu), ("memory", memory)):
            if name in names and (mount := mounts.get("" if "" in names else name)):
                found.extend(_ancestors(root, mount, path))
    return Cgroups(cpu=tuple(cpu), memory=tuple(memory))


def _mounts(root: Path) -> dict[str, tuple[str, str]]:
    """Return controller ("" for v2) -> (mount point, the group that is mounted there)."""
    found: dict[str, tuple[str, str]] = {}
    for line in read_text(root / "proc/self/mountinfo").splitlines():
        left, dash, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if not dash or len(fields) < 5 or not kind:
            continue
        if kind[0] == "cgroup2":
            found.setdefault("", (fields[4], fields[3]))
        elif kind[0] == "cgroup" and len(kind) >= 3:
            for option in kind[2].split(","):
                found.setdefault(option, (fields[4], fields[3]))
    return found


def _ancestors(root: Path, mount: tuple[str, str], path: str) -> list[Path]:
    """Return the folders of a group and its ancestors, own first, as far as they are visible here."""
    point, mounted = mount
    top = root / point.lstrip("/")
    # In a container the mount shows the container's own group, under the path that the host gave it.
    inner = path[len(mounted) :] if mounted != "/" and path.startswith(mounted) else path
    parts = [p for p in inner.split("/") if p not in ("", ".", "..")]
    folders = [top.joinpath(*parts[:n]) for n in range(len(parts), -1, -1)]
    return [folder for folder in folders if folder.is_dir()]


def _quota(folder: Path) -> float | None:
    both = read_text(folder / "cpu.max").split()
    if not both:
        both = [read_text(folder / name).strip() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    try:
        quota, period = int(both[0]), int(both[1])
    except (ValueError, IndexError):  # "max 100000": no limit
        return None
    return quota / period if quota > 0 and period > 0 else None


def _memory_limit(folder: Path) -> int | None:
    text = read_text(folder / "memory.max") or read_text(folder / "memory.limit_in_bytes")
    try:
        limit = int(text)
    except ValueError:  # "max"
        return None
    return limit if 0 < limit < UNLIMITED_BYTES else None
