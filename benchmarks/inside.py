"""Run a training program unprofiled and unedited, count its steps, and try what a verdict says.

python inside.py OUT [--cached] [--slow FILE:LINE:NANOSECONDS] [--block STEPS] -- SCRIPT ARGS | -m MODULE ARGS

Writes to OUT how often each optimizer stepped, how many backwards ran, and when. `--cached` lets every
DataLoader give its first batch again and again: training without loading. `--slow` spins for a known time
before each execution of one line (0 only counts them), in worker processes too. Both hold in every second
block of steps only, so that each changed block stands between two plain ones of the same process.
Imports nothing of ours, so that a count can't share a mistake with what it checks.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import copy
import importlib.machinery
import json
import mmap
import os
import runpy
import struct
import sys
import time
import types
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

SLOTS = 512
"""Each process counts in the slot of its number, modulo this, of memory that forked workers share."""
CHANGED = 8 * SLOTS
"""Where that memory says, in its last byte, whether the change holds now."""
BLOCK = 24
"""Steps from one turn of the change to the next."""


class Marks:
    """When each optimizer stepped and each backward ran, in this process."""

    def __init__(self, out: Path, block: int = BLOCK) -> None:
        self.out, self.pid, self.block = out, os.getpid(), block
        # Holds each optimizer too, so that no number is used twice.
        self.optimizers: dict[int, tuple[Any, list[int]]] = {}
        self.backwards: list[int] = []
        self.turns: list[int] = []
        self.executions = mmap.mmap(-1, 8 * SLOTS + 1)
        atexit.register(self.write)

    def watch(self) -> None:
        """Register with torch: the public hook after each optimizer step, and the public backward."""
        import torch
        from torch.optim.optimizer import register_optimizer_step_post_hook

        def stepped(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            at = self.optimizers.setdefault(id(optimizer), (optimizer, []))[1]
            at.append(time.perf_counter_ns())
            if id(optimizer) == next(iter(self.optimizers)):
                self.turn(len(at))

        register_optimizer_step_post_hook(stepped)
        backward = torch.autograd.backward

        def counted(*args: Any, **kwargs: Any) -> Any:
            answer = backward(*args, **kwargs)
            self.backwards.append(time.perf_counter_ns())
            if not self.optimizers:
                self.turn(len(self.backwards))
            return answer

        torch.autograd.backward = counted

    def turn(self, step: int) -> None:
        """Begin or end the change where a block ends, in every process at once."""
        if step % self.block == 0:
            self.executions[CHANGED] ^= 1
            self.turns.append(time.perf_counter_ns())

    def changed(self) -> bool:
        """Return whether the change holds now."""
        return self.executions[CHANGED] == 1

    def write(self) -> None:
        """Write what was counted; a forked child inherits the exit hook, but not the counts."""
        if os.getpid() != self.pid:
            return
        slots = struct.unpack(f"{SLOTS}q", self.executions[:CHANGED])
        optimizers = [{"type": type(o).__name__, "at_ns": at} for o, at in self.optimizers.values()]
        found = {
            "optimizers": optimizers,
            "backward_ns": self.backwards,
            "turned_ns": self.turns,
            "executions": sum(slots),
        }
        self.out.write_text(json.dumps(found), encoding="utf-8")

    def executed(self, spin_ns: int) -> None:
        """Count one execution of the slowed line, and spin while the change holds."""
        until = time.perf_counter_ns() + (spin_ns if self.changed() else 0)
        slot = 8 * (os.getpid() % SLOTS)
        (before,) = struct.unpack_from("q", self.executions, slot)
        struct.pack_into("q", self.executions, slot, before + 1)
        while time.perf_counter_ns() < until:
            pass


def cache_batches(marks: Marks) -> None:
    """Let every DataLoader give its first batch again while the change holds, as many batches as ever."""
    from torch.utils.data import DataLoader

    load = DataLoader.__iter__

    def cached(self: Any) -> Iterator[Any]:
        batches = load(self)
        try:
            rounds: Any = range(len(self))
        except TypeError:  # an iterable data set without a length
            rounds = count()
        first = next(batches, None)
        if first is None:
            return
        fresh: Any = first
        for _ in rounds:
            yield copy.copy(fresh)  # a trainer may pop the labels out of it
            fresh = first if marks.changed() else next(batches, None)
            if fresh is None:
                return

    DataLoader.__iter__ = cached  # type: ignore[method-assign, assignment]


def slow_line(source: str, path: str, line: int) -> ast.Module:
    """Return the code with a call before the statement at a line, or at the start of the block it heads."""
    tree = ast.parse(source, path)
    best: tuple[list[ast.stmt], int] | None = None
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            statements: list[ast.stmt] = inner if isinstance(inner, list) else []
            for index, statement in enumerate(statements):
                if statement.lineno <= line <= (statement.end_lineno or 0):
                    best = (statements, index)
    if best is None:
        raise SystemExit(f"no statement at {path}:{line}")
    body, index = best
    if isinstance(body[index], ast.For | ast.While | ast.FunctionDef):
        body, index = body[index].body, 0  # type: ignore[attr-defined]
    call = ast.parse("__executed__()").body[0]
    for node in ast.walk(call):
        ast.copy_location(node, body[index])
    body.insert(index, call)
    return ast.fix_missing_locations(tree)


def slow_down(where: str, marks: Marks) -> Path:
    """Let the file's code be compiled with the call in it, whoever imports it; return the file."""
    name, line, spin_ns = where.rsplit(":", 2)
    target = Path(name).resolve()
    builtins.__executed__ = lambda: marks.executed(int(spin_ns))  # type: ignore[attr-defined]
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def slowed(self: Any, fullname: str) -> types.CodeType | None:
        if Path(self.path).resolve() != target:
            return get_code(self, fullname)
        return compile_slowed(target, int(line))

    loader.get_code = slowed  # type: ignore[method-assign]
    return target


def compile_slowed(target: Path, line: int) -> types.CodeType:
    """Return the code of a file with the call in it."""
    tree = slow_line(target.read_text(encoding="utf-8"), str(target), line)
    return compile(tree, str(target), "exec")


def run(words: list[str], slowed: tuple[Path, int] | None) -> None:
    """Run a script or a module as `python` would."""
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        return
    script = Path(words[0]).resolve()
    sys.argv, sys.path[0] = words, str(script.parent)
    main = types.ModuleType("__main__")
    main.__file__ = words[0]
    sys.modules["__main__"] = main
    if slowed is not None and slowed[0] == script:
        code = compile_slowed(*slowed)
    else:
        code = compile(script.read_text(encoding="utf-8"), words[0], "exec")
    exec(code, vars(main))  # noqa: S102  # as `python script.py` does


def main() -> None:
    """Run what the command line says."""
    own, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    block = int(own[own.index("--block") + 1]) if "--block" in own else BLOCK
    marks = Marks(Path(own[0]).resolve(), block)
    slowed = None
    if "--slow" in own:
        # Before torch is imported: the line may be one of torch's own.
        where = own[own.index("--slow") + 1]
        slowed = (slow_down(where, marks), int(where.rsplit(":", 2)[1]))
    marks.watch()
    if "--cached" in own:
        cache_batches(marks)
    run(words, slowed)


if __name__ == "__main__":
    main()
