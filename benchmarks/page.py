"""Measure the page, by size and beside other tools' pages: bytes, and main-thread time until it is ready.

python -m benchmarks.page [--steps 200] [--peers DIR | --alone] [--sizes 10000,100000] [--nodes 1000000]

Times are of a processor, so other work on the machine lengthens them little; its load is kept beside them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import page_peers, store
from tests.browser import large_flames
from tests.browser.pages import sized, with_flames
from tests.unit.render import timelines
from throughput.model.category import CATEGORIES
from throughput.model.flame import FlameRows, Flames
from throughput.model.timeline import Frame, Stacks
from throughput.render.html import report_html

KEPT = store.HERE / "page.json"
TIMES = 5
"""Openings of each page: the median of its main thread's time is quoted."""
STACKS = 0.04
"""Different stacks a sample, up to STACKS_MAX: what real runs of these sizes have."""
STACKS_MAX = 40_000
STEP_SAMPLES = 250
TEN = 10
"""Functions that each of the stress tree's calls, in six levels: a node for almost each sample."""
STRESS_STEPS = 400


def main() -> None:
    """Measure, keep the results, print the tables."""
    options = _parse()
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, result in _measured(Path(scratch), options):
            results[name] = result
            store.save(options.out, name, result | store.stamp())
    head = ("page", "kB", "main thread ms", "further requests")
    print(store.table(head, [_row(name, result) for name, result in results.items()]))


def _measured(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each page's name and cost: by size, the stress tree, then the pages of all tools."""
    for samples in options.sizes:
        yield f"{samples:,} samples", _sized(folder, samples)
    if options.nodes:
        yield f"a tree of {options.nodes:,} nodes", _stressed(folder, options.nodes)
    if not options.alone:
        peers = (options.peers or folder / "peers").resolve()
        peers.mkdir(parents=True, exist_ok=True)
        yield from _beside(peers, options.steps)


def _sized(folder: Path, samples: int) -> dict[str, Any]:
    page = folder / f"{samples}.html"
    stacks = int(min(STACKS_MAX, max(400, samples * STACKS)))
    page.write_text(report_html(sized(samples, stacks, max(20, samples // STEP_SAMPLES))), encoding="utf-8")
    return _cost(page)


def _stressed(folder: Path, nodes: int) -> dict[str, Any]:
    """Return the cost of a page whose tree has about so many nodes, most of them a sample's only one."""
    over = large_flames.steps(STRESS_STEPS)
    whole = float(sum(step.duration_ns for step in over))
    leaves = nodes * (TEN - 1) // TEN
    digits = len(str(leaves - 1))
    frames = tuple(
        Frame(function=f"level_{level}_{digit}", file="train.py", line=level + 1, own=digit % 2 == 0)
        for level in range(digits)
        for digit in range(TEN)
    )
    places = [
        tuple(level * TEN + int(digit) for level, digit in enumerate(f"{leaf:0{digits}d}"))
        for leaf in range(leaves)
    ]
    ns = np.full(leaves, whole / leaves)
    rows = FlameRows(
        tab="training",
        steps=len(over),
        samples=leaves,
        stack=np.arange(leaves),
        category=np.arange(leaves) % len(CATEGORIES),
        ns=ns,
        step=np.arange(leaves) % len(over),
        step_ns=ns,
    )
    graph = Flames(stacks=Stacks(frames=frames, stacks=tuple(places)), tabs=(rows,))
    page = folder / "stress.html"
    page.write_text(report_html(with_flames(timelines.analysis(), graph, steps=over)), encoding="utf-8")
    return _cost(page)


def _beside(folder: Path, steps: int) -> Iterator[tuple[str, dict[str, Any]]]:
    failed = page_peers.install(folder)
    for name, reason in failed.items():
        print(f"{name} can't be installed: {reason}", file=sys.stderr)
    for name, make in page_peers.makers(folder, steps).items():
        try:
            result = _cost(make()) | {"steps": steps}
        except (page_peers.Failed, OSError, subprocess.SubprocessError) as error:
            result = {"failed": str(error)}
        yield f"demo, {name}", result


def _cost(page: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("page_cost.mjs")
    done = subprocess.run(
        ["node", str(script), *[str(page)] * TIMES], capture_output=True, text=True, check=True, timeout=900
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "bytes": rows[0]["bytes"],
        "main_thread_s": round(median(row["main_thread_s"] for row in rows), 4),
        "settled": all(row["settled"] for row in rows),
        "further_requests": max(row["further_requests"] for row in rows),
        "error": next((row["errors"][0][:200] for row in rows if row["errors"]), None),
    }


def _row(name: str, result: dict[str, Any]) -> tuple[str, ...]:
    if "failed" in result:
        return (name, f"failed: {result['failed'][:80]}", "-", "-")
    late = "" if result["settled"] else " (not quiet after 60 s)"
    broken = " (its script failed offline)" if result["error"] else ""
    time = f"{1000 * result['main_thread_s']:.0f}{late}{broken}"
    return (name, f"{result['bytes'] / 1000:,.0f}", time, str(result["further_requests"]))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.page")
    parser.add_argument(
        "--steps", type=int, default=200, help="steps of the demo, for the pages beside each other"
    )
    parser.add_argument("--peers", type=Path, help="folder to install peers into; a temporary one otherwise")
    parser.add_argument("--alone", action="store_true", help="our own pages only, no peers")
    parser.add_argument("--nodes", type=int, default=1_000_000, help="of the stress tree; 0 for none")
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    parser.add_argument(
        "--sizes", type=_numbers, default=(10_000, 100_000, 1_000_000), help="samples, as 10000,100000"
    )
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


if __name__ == "__main__":
    main()
