"""Turn short-lived children into what can be collected here: the script's interpreter, py-spy, /proc."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from throughput.collect.cgroups import read_text
from throughput.collect.environment import container
from throughput.collect.pyspy import find_pyspy
from throughput.model.ability import Ability

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_PYTHON = (3, 10)
IMPORT_SECONDS = 120.0
"""A first import of a CUDA torch from a network disk takes a minute."""
PYSPY_SECONDS = 15.0
CAP_SYS_PTRACE = 19

# What the script's interpreter says of itself, as the last line it prints.
ABOUT = """
import json, sys, sysconfig
about = {"version": list(sys.version_info[:3]), "implementation": sys.implementation.name,
         "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED"))}
try:
    import torch
    about["torch"] = str(torch.__version__)
    about["cuda"] = torch.version.cuda
    about["gpus"] = torch.cuda.device_count() if torch.cuda.is_available() else 0
except BaseException as error:
    about["torch"] = None
    about["error"] = type(error).__name__ + ": " + str(error)[:300]
print("\\n" + json.dumps(about))
"""

# Allows any process of the user to look inside, as profiled scripts do, then waits.
TARGET = """
import ctypes, sys, time
try:
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
except Exception:
    pass
print("ready", flush=True)
time.sleep(60)
"""


def interpreter(python: str) -> tuple[Ability, ...]:
    """Return whether the script's interpreter runs and imports torch."""
    try:
        done = subprocess.run(
            [python, "-c", ABOUT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_SECONDS,
            check=False,
        )
        about = json.loads(done.stdout.splitlines()[-1])
        version = tuple(int(part) for part in about["version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        detail = f"{python} does not run a program: {reason}"
        remedy = "Name the script's interpreter with --python PATH."
        return (Ability(name="python", state="unavailable", detail=detail, remedy=remedy),)
    return (_python_ability(about, version), _torch_ability(about, python))


def attachment(python: str, variables: Mapping[str, str]) -> tuple[Ability, ...]:
    """Return whether a process of ours can be looked into: by py-spy, and its system calls."""
    try:
        target = subprocess.Popen(
            [python, "-c", TARGET],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return ()
    with target:
        try:
            assert target.stdout is not None
            if target.stdout.readline().strip() != b"ready":
                return ()
            return (_pyspy_ability(target.pid, variables), _syscall_ability(target.pid, variables))
        finally:
            target.kill()


def ptrace_remedy(variables: Mapping[str, str], root: Path = Path("/")) -> str:
    """Return what would allow looking into a process: of all that stands in the way here, in order."""
    remedies = []
    box = container(variables, root)
    if box == "kubernetes":
        remedies.append("in the pod: securityContext.capabilities.add: [SYS_PTRACE]")
    elif box is not None:
        remedies.append(f"start the container with --cap-add=SYS_PTRACE ({box})")
    status = read_text(root / "proc/self/status")
    if box is not None and re.search(r"^Seccomp:\s*2", status, re.MULTILINE):
        remedies.append("or --security-opt seccomp=unconfined, where its filter forbids ptrace")
    scope = read_text(root / "proc/sys/kernel/yama/ptrace_scope").strip()
    if scope in ("1", "2"):
        remedies.append(f"sudo sysctl kernel.yama.ptrace_scope=0 (it is {scope})")
    elif scope == "3":
        remedies.append("kernel.yama.ptrace_scope is 3, which only a restart of the machine resets")
    return "; ".join(remedies) or "Run as the user who owns the script, or as root."


def has_ptrace_capability(root: Path = Path("/")) -> bool:
    """Return whether this process may look into those of any user."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", read_text(root / "proc/self/status"), re.MULTILINE)
    return bool(match and int(match[1], 16) >> CAP_SYS_PTRACE & 1)


def _python_ability(about: dict[str, object], version: tuple[int, ...]) -> Ability:
    text = ".".join(map(str, version))
    if version < OLDEST_PYTHON:
        detail = f"Python {text} is older than 3.10"
        return Ability(
            name="python", state="unavailable", detail=detail, remedy="Run the script with 3.10 or newer."
        )
    if about["implementation"] != "cpython":
        detail = f"{about['implementation']} {text}: only CPython's stacks can be read from outside"
        return Ability(name="python", state="limited", detail=detail, remedy="Use CPython.")
    if about["free_threaded"]:
        detail = f"Python {text} without a GIL: there is no GIL wait, and py-spy may not read its stacks"
        return Ability(name="python", state="limited", detail=detail)
    return Ability(name="python", state="ok", detail=f"Python {text}")


def _torch_ability(about: dict[str, object], python: str) -> Ability:
    if about.get("torch") is None:
        detail = f"{python} can't import torch: {about.get('error')}"
        remedy = "Install torch there, or name the script's interpreter with --python PATH."
        return Ability(name="torch", state="unavailable", detail=detail, remedy=remedy)
    cuda, gpus = about.get("cuda"), about.get("gpus")
    device = f"CUDA {cuda}, {gpus} GPUs usable" if cuda else "without CUDA"
    return Ability(name="torch", state="ok", detail=f"torch {about['torch']}, {device}")


def _pyspy_ability(pid: int, variables: Mapping[str, str]) -> Ability:
    """Return whether py-spy really reads the stacks of a process of ours."""
    instead = "stacks come from the in-process sampler instead, without native threads and workers' idle time"
    program = find_pyspy()
    if program is None:
        return Ability(
            name="py-spy", state="limited", detail=f"not installed: {instead}", remedy="pip install py-spy"
        )
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [program, "dump", "--nonblocking", "--pid", str(pid)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PYSPY_SECONDS,
            check=False,
        )
        error = done.stderr.strip() if done.returncode else ""
        seen = "<module>" in done.stdout
    except (OSError, subprocess.TimeoutExpired) as failure:
        error, seen = str(failure), False
    if seen:
        return Ability(name="py-spy", state="ok", detail=f"read a stack in {time.monotonic() - begun:.2f} s")
    first = error.splitlines()[0] if error else "it saw no stack"
    refused = re.search(r"(?i)permi|ptrace|os error 1\b", error) is not None
    remedy = ptrace_remedy(variables) if refused else "Update py-spy: pip install -U py-spy"
    return Ability(name="py-spy", state="limited", detail=f"{first}; {instead}", remedy=remedy)


def _syscall_ability(pid: int, variables: Mapping[str, str]) -> Ability:
    """Return whether the kernel shows what a thread of ours waits for."""
    lost = "waits for the GIL, for locks of C code and between processes are not measured"
    name = "system calls"
    path = Path(f"/proc/{pid}/task/{pid}/syscall")
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        detail = f"this system has no /proc/<pid>/task/*/syscall: {lost}"
        return Ability(name=name, state="unavailable", detail=detail)
    except OSError as error:
        detail = f"/proc/<pid>/task/*/syscall: {error.strerror}: {lost}"
        return Ability(name=name, state="unavailable", detail=detail, remedy=ptrace_remedy(variables))
    detail = f"/proc/<pid>/task/*/syscall is readable (a sleeping thread says {text.split()[0]})"
    return Ability(name=name, state="ok", detail=detail)
