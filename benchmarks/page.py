"""Measure the page, by size and beside other tools' pages: bytes, and main-thread time until it is ready.

python -m benchmarks.page [--steps 200] [--peers DIR] [--sizes 10000,100000,1000000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import page_peers, store
from tests.browser.pages import sized
from throughput.render.html import report_html

KEPT = store.HERE / "page.json"
TIMES = 5
"""Openings of each page: the median of its main thread's time is quoted."""
STACKS = 0.04
"""Different stacks a sample, up to STACKS_MAX: what real runs of these sizes have."""
STACKS_MAX = 40_000
STEP_SAMPLES = 250


def main() -> None:
    """Measure, keep the results, print the tables."""
    options = _parse()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        by_size = {f"{samples:,} samples": _sized(folder, samples) for samples in options.sizes}
        peers = Path(options.peers or folder / "peers")
        peers.mkdir(parents=True, exist_ok=True)
        beside = _beside(peers, options.steps)
    results = {**by_size, **beside}
    for name, result in results.items():
        store.save(options.out, name, result | store.stamp())
    head = ("page", "kB", "main thread ms", "further requests")
    print(store.table(head, [_row(name, result) for name, result in results.items()]))


def _sized(folder: Path, samples: int) -> dict[str, Any]:
    page = folder / f"{samples}.html"
    stacks = int(min(STACKS_MAX, max(400, samples * STACKS)))
    page.write_text(report_html(sized(samples, stacks, max(20, samples // STEP_SAMPLES))), encoding="utf-8")
    return _cost(page)


def _beside(folder: Path, steps: int) -> dict[str, dict[str, Any]]:
    failed = page_peers.install(folder)
    for name, reason in failed.items():
        print(f"{name} can't be installed: {reason}", file=sys.stderr)
    found: dict[str, dict[str, Any]] = {}
    for name, make in page_peers.makers(folder, steps).items():
        try:
            found[f"demo, {name}"] = _cost(make()) | {"steps": steps}
        except (page_peers.Failed, OSError, subprocess.SubprocessError) as error:
            found[f"demo, {name}"] = {"failed": str(error)}
    return found


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
    }


def _row(name: str, result: dict[str, Any]) -> tuple[str, ...]:
    if "failed" in result:
        return (name, f"failed: {result['failed'][:80]}", "-", "-")
    late = "" if result["settled"] else " (not quiet after 60 s)"
    time = f"{1000 * result['main_thread_s']:.0f}{late}"
    return (name, f"{result['bytes'] / 1000:,.0f}", time, str(result["further_requests"]))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.page")
    parser.add_argument(
        "--steps", type=int, default=200, help="steps of the demo, for the pages beside each other"
    )
    parser.add_argument("--peers", type=Path, help="folder to install peers into; a temporary one otherwise")
    parser.add_argument("--out", type=Path, default=KEPT, help="where results are kept")
    parser.add_argument(
        "--sizes", type=_numbers, default=(10_000, 100_000, 1_000_000), help="samples, as 10000,100000"
    )
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


if __name__ == "__main__":
    main()
