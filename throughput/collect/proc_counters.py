"""Turn Linux's /proc into one tick's counters: cumulative, as the kernel counts, in ns and bytes.

Read directly, not through psutil: a process costs 20 us a tick instead of 50, and psutil has neither the
run queue nor throttling. `psutil_counters` reads the same where there is no /proc.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from throughput.collect.cgroups import cgroups_of

Numbers = dict[str, int]

SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own sectors are."""
RESCAN_SHARE = 1 / 400
"""Looking for new processes reads every process's stat: at most this share of one core goes there."""
RESCAN_LEAST_S = 1.0
PSS_FIRST_S, PSS_EVERY_S = 1.0, 3.0
"""A process's own and proportional share are read when it is so old, then less often, down to this."""
PSS_COST_SHARE = 1 / 500
"""The kernel walks all pages of the process for it, and holds its map of memory meanwhile."""
QUOTA_AGAIN_S = 10.0
"""A container's quota may be changed while it runs; that is rare."""


def read(path: str, size: int = 1 << 17) -> bytes:
    """Return a /proc file in one read, empty where it has gone or is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


class ProcCounters:
    """Reads the processes below `pid` and the machine; keeps what makes thread counters cumulative."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: set[int] = {pid}
        self._tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._threads: dict[int, _Threads] = {}
        self._shares: dict[int, _Share] = {}
        self._scan_after = 0.0
        self._quota_after = 0.0
        self._cpu_stat: str | None = None
        self._disks = _physical_disks()
        self._networks = _physical_networks()

    def add(self, pids: frozenset[int]) -> None:
        """Watch these too: workers of a fork server that died are nobody's children."""
        self._known |= pids

    def pids(self) -> frozenset[int]:
        """Return the processes watched, found anew when that is due."""
        begun = time.monotonic()
        if begun >= self._scan_after:
            used = time.thread_time()
            self._known |= _family(self._known)
            cost = time.thread_time() - used
            self._scan_after = begun + max(RESCAN_LEAST_S, cost / RESCAN_SHARE)
        return frozenset(self._known)

    def one(self, pid: int) -> Numbers | None:
        """Return a process's counters; None once it has ended."""
        stat = read(f"/proc/{pid}/stat")
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) < 22 or fields[0] in b"ZX":
            self._known.discard(pid)
            self._threads.pop(pid, None)
            self._shares.pop(pid, None)
            return None
        numbers = {
            "started": int(fields[19]),
            "cpu_ns": (int(fields[11]) + int(fields[12])) * self._tick_ns,
            "threads": int(fields[17]),
            "major_faults": int(fields[9]),
        }
        memory = read(f"/proc/{pid}/statm").split()
        if len(memory) >= 3:
            numbers["rss_bytes"] = int(memory[1]) * self._page
            numbers["shared_bytes"] = int(memory[2]) * self._page
        for line in read(f"/proc/{pid}/io").splitlines():
            name, _, value = line.partition(b": ")
            if name in (b"read_bytes", b"write_bytes", b"rchar"):
                numbers["read_any_bytes" if name == b"rchar" else name.decode()] = int(value)
        numbers.update(self._shares.setdefault(pid, _Share(pid)).read())
        threads = self._threads.setdefault(pid, _Threads(pid))
        numbers.update(threads.totals())
        return numbers

    def machine(self) -> Numbers:
        """Return the machine's counters, of all processes."""
        numbers: Numbers = {}
        numbers.update(_cpu_times(self._tick_ns))
        numbers.update(_memory())
        numbers.update(_disk_bytes(self._disks))
        numbers.update(_network_bytes(self._networks))
        for name in ("cpu", "io", "memory"):
            pressure = _pressure_ns(name)
            if pressure is not None:
                numbers[f"psi_{name}_ns"] = pressure
        numbers.update(self._throttling())
        return numbers

    def _throttling(self) -> Numbers:
        now = time.monotonic()
        if now >= self._quota_after:
            self._cpu_stat = cgroups_of(self._pid).stat_file()
            self._quota_after = now + QUOTA_AGAIN_S
        return _cgroup_stat(read(self._cpu_stat)) if self._cpu_stat else {}


class _Share:
    """Reads a process's own pages and its proportional share of memory now and then."""

    def __init__(self, pid: int) -> None:
        self._path = f"/proc/{pid}/smaps_rollup"
        self._pause_s = PSS_FIRST_S
        self._after = time.monotonic() + PSS_FIRST_S

    def read(self) -> Numbers:
        """Return them where it is due; nothing in between, and where the kernel refuses."""
        now = time.monotonic()
        if now < self._after:
            return {}
        lines = read(self._path, 1 << 13).splitlines()
        cost = time.monotonic() - now
        self._pause_s = min(2 * self._pause_s, PSS_EVERY_S)
        self._after = now + max(self._pause_s, cost / PSS_COST_SHARE)
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(b" kB")}
        if b"Pss:" not in sizes:
            return {}
        own = sizes.get(b"Private_Clean:", 0) + sizes.get(b"Private_Dirty:", 0)
        return {"pss_bytes": sizes[b"Pss:"], "own_bytes": own}


class _Threads:
    """Adds up schedstat over a process's threads, so that a thread's end takes nothing away again."""

    def __init__(self, pid: int) -> None:
        self._folder = f"/proc/{pid}/task"
        self._last: dict[str, tuple[int, int]] = {}
        self._oncpu_ns = 0
        self._runq_ns = 0

    def totals(self) -> Numbers:
        """Return time on a CPU and in the run queue of all threads seen; empty without schedstat."""
        try:
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            return {}
        seen: dict[str, tuple[int, int]] = {}
        for name in names:
            fields = read(f"{self._folder}/{name}/schedstat", 128).split()
            if len(fields) < 2:
                continue
            now = int(fields[0]), int(fields[1])
            before = self._last.get(name, (0, 0))
            if now[0] < before[0]:  # the number was given to a new thread
                before = (0, 0)
            self._oncpu_ns += now[0] - before[0]
            self._runq_ns += max(0, now[1] - before[1])
            seen[name] = now
        self._last = seen
        return {"oncpu_ns": self._oncpu_ns, "runq_ns": self._runq_ns} if seen else {}


def _family(known: set[int]) -> set[int]:
    """Return every process below the known ones, or in a session or group that one of them leads."""
    parents: dict[int, tuple[int, int, int]] = {}
    with os.scandir("/proc") as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            stat = read(f"/proc/{entry.name}/stat")
            fields = stat[stat.rfind(b")") + 2 :].split(None, 4)
            if len(fields) >= 4:
                parents[int(entry.name)] = int(fields[1]), int(fields[2]), int(fields[3])
    found: set[int] = set()
    grown = True
    while grown:
        family = known | found
        new = {pid for pid, above in parents.items() if pid not in family and not family.isdisjoint(above)}
        found |= new
        grown = bool(new)
    return found


def _cpu_times(tick_ns: int) -> Numbers:
    # "cpu user nice system idle iowait irq softirq steal ..."; guest time is inside user.
    line = read("/proc/stat", 4096).partition(b"\n")[0].split()
    times = [int(v) * tick_ns for v in line[1:9]]
    if len(times) < 8:
        return {}
    return {
        "cpu_total_ns": sum(times),
        "cpu_idle_ns": times[3] + times[4],
        "cpu_iowait_ns": times[4],
        "cpu_steal_ns": times[7],
    }


def _memory() -> Numbers:
    numbers: Numbers = {}
    for line in read("/proc/meminfo").splitlines():
        name, _, rest = line.partition(b":")
        if name in (b"MemTotal", b"MemAvailable", b"Shmem"):
            key = {b"MemTotal": "total", b"MemAvailable": "available", b"Shmem": "shared"}[name]
            numbers[f"memory_{key}_bytes"] = int(rest.split()[0]) * 1024
    for line in read("/proc/vmstat").splitlines():
        if line.startswith((b"pswpin ", b"pgmajfault ")):
            name, _, value = line.partition(b" ")
            numbers["swap_in_pages" if name == b"pswpin" else "major_faults"] = int(value)
    return numbers


def _disk_bytes(disks: frozenset[bytes]) -> Numbers:
    reads = writes = 0
    for line in read("/proc/diskstats").splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[2] in disks:
            reads += int(fields[5])
            writes += int(fields[9])
    if not disks:
        return {}
    return {"disk_read_bytes": reads * SECTOR_BYTES, "disk_write_bytes": writes * SECTOR_BYTES}


def _network_bytes(networks: frozenset[bytes]) -> Numbers:
    received = sent = 0
    for line in read("/proc/net/dev").splitlines():
        name, colon, rest = line.partition(b":")
        fields = rest.split()
        if colon and len(fields) >= 9 and name.strip() in networks:
            received += int(fields[0])
            sent += int(fields[8])
    return {"net_received_bytes": received, "net_sent_bytes": sent} if networks else {}


def _pressure_ns(name: str) -> int | None:
    # The first line says for how many microseconds in all some task waited.
    first = read(f"/proc/pressure/{name}", 512).partition(b"\n")[0]
    total = first.rpartition(b"total=")[2]
    return int(total) * 1000 if total.isdigit() else None


def _cgroup_stat(text: bytes) -> Numbers:
    """Return periods, throttled periods and throttled ns from a `cpu.stat` of v1 or v2."""
    numbers: Numbers = {}
    for line in text.splitlines():
        name, _, value = line.partition(b" ")
        if name == b"nr_periods":
            numbers["quota_periods"] = int(value)
        elif name == b"nr_throttled":
            numbers["throttled_periods"] = int(value)
        elif name == b"throttled_usec":
            numbers["throttled_ns"] = int(value) * 1000
        elif name == b"throttled_time":
            numbers["throttled_ns"] = int(value)
    return numbers


def _physical_disks() -> frozenset[bytes]:
    """Return whole disks: a partition, a loop or a mapped device would count the same bytes again."""
    return _devices(Path("/sys/block"), ("loop", "ram", "zram", "dm-", "md", "sr", "fd"))


def _physical_networks() -> frozenset[bytes]:
    """Return network cards, in a container its own end of the pair; never loopback."""
    return _devices(Path("/sys/class/net"), ("lo", "ifb", "docker", "veth", "br-", "virbr", "tun", "tap"))


def _devices(folder: Path, virtual: tuple[str, ...]) -> frozenset[bytes]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()
    real = [n for n in names if (folder / n / "device").exists()]
    chosen = real or [n for n in names if not n.startswith(virtual)]
    return frozenset(n.encode() for n in chosen)
