"""Turn a script's folder into which code ran: git commit, dirty diff without secrets, hashes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from throughput.collect.secrets import looks_secret, mask
from throughput.model.run import Code

if TYPE_CHECKING:
    from collections.abc import Iterable

DIFF_BYTES = 200_000
"""A diff beyond this is data; the commit and the hashes still tell the code apart."""
MARGIN_BYTES = 20_000
"""Read beyond the cap, so that a secret is masked before the cut goes through it."""
DIFF_FILES = 500
GIT_SECONDS = 10.0
"""All of git's work together, on a large checkout on a slow disk; what isn't ready by then is left out."""
HASHED_BYTES = 64 << 20
"""A larger file is no module."""

# A repository's own settings may name programs to run (diff drivers, monitors, pagers): none is run but clean
# filters, without which every large-file pointer would look changed.
GIT = (
    "git", "--no-pager", "--no-optional-locks", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null",
)  # fmt: skip
DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules", "HEAD")


def code_state(script: Path | None, cwd: Path) -> Code:
    """Return which code ran; each part is None where there is no git, no repository or no commit.

    Args:
        script: The script's file; None for a module or a command.
        cwd: Where it runs: its repository counts where there is no script.
    """
    folder = script.resolve().parent if script is not None else cwd
    until = time.monotonic() + GIT_SECONDS
    commit = _git(folder, ("rev-parse", "--verify", "--quiet", "HEAD"), until)
    top = _git(folder, ("rev-parse", "--show-toplevel"), until)
    if not commit or not top:
        return Code(script_sha256=file_hash(script) if script else None)
    # From the top, so that paths in the diff are the repository's; untracked files are none of its code.
    changed = _git(Path(top.rstrip("\n")), (*DIFF, "--name-only", "-z"), until)
    names = None if changed is None else [name for name in changed.split("\0") if name]
    return Code(
        commit=commit.strip(),
        dirty=None if names is None else bool(names),
        diff=_diff(Path(top.rstrip("\n")), names, until) if names else None,
        script_sha256=file_hash(script) if script else None,
    )


def module_hashes(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """Return SHA-256 of each file that can be read, by its path: relative to the folder if it lies there."""
    hashes: dict[str, str] = {}
    for file in sorted(set(files)):
        digest = file_hash(file)
        if digest is not None:
            inside = file.is_relative_to(folder)
            hashes[file.relative_to(folder).as_posix() if inside else file.as_posix()] = digest
    return hashes


def file_hash(path: Path) -> str | None:
    """Return a file's SHA-256; None where it is no plain file, can't be read or is no module by its size."""
    try:
        if not path.is_file() or path.stat().st_size > HASHED_BYTES:
            return None
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _diff(top: Path, names: list[str], until: float) -> str | None:
    """Return the masked diff of files that don't look secret, cut at a whole line, and what is left out."""
    shown = [name for name in names if not looks_secret(name)]
    notes = []
    if len(shown) < len(names):
        notes.append(f"# left out: {len(names) - len(shown)} changed files whose names look secret\n")
    if len(shown) > DIFF_FILES:
        notes.append(f"# left out: {len(shown) - DIFF_FILES} more changed files\n")
        shown = shown[:DIFF_FILES]
    text = _git(top, (*DIFF, "--", *shown), until) if shown else ""
    if text is None:
        return None
    masked = mask(text)
    if len(masked.encode()) > DIFF_BYTES:
        kept = masked.encode()[:DIFF_BYTES]
        masked = kept[: kept.rfind(b"\n") + 1].decode(errors="replace")
        notes.append(f"# cut after {DIFF_BYTES // 1000} kB\n")
    return masked + "".join(notes)


def _git(folder: Path, arguments: tuple[str, ...], until: float) -> str | None:
    """Return git's output, capped; None where git is missing, refuses or takes too long."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        git = subprocess.Popen(
            [*GIT, "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except (OSError, ValueError):
        return None
    return _output(git, until)


def _output(git: subprocess.Popen[bytes], until: float) -> str | None:
    """Return what git printed up to the cap and its margin; it is ended in any case."""
    assert git.stdout is not None
    limit = DIFF_BYTES + MARGIN_BYTES
    parts: list[bytes] = []
    descriptor = git.stdout.fileno()
    os.set_blocking(descriptor, False)
    ended = False
    with git, git.stdout:
        while sum(map(len, parts)) < limit and time.monotonic() < until:
            try:
                part = os.read(descriptor, 65536)
            except BlockingIOError:
                time.sleep(0.005)
                continue
            if not part:
                ended = True
                break
            parts.append(part)
        if not ended:
            git.kill()
        code = git.wait()
    full = sum(map(len, parts)) >= limit
    return b"".join(parts).decode(errors="replace") if full or (ended and code == 0) else None
