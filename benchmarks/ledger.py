"""Measure how well the ledger finds delays planted in an import, a data set, workers, evaluation and saving.

python -m benchmarks.ledger [--runs 5] [--seconds 1.0]

Each run profiles `ledger_loop.py`, which times its parts itself. Of imports the row of the planted module
counts. The ledger's sum is compared with the process's wall time as throughput saw it from outside.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import store
from benchmarks.runs import Command, profile

KEPT = store.HERE / "ledger.json"
LOOP = store.HERE / "ledger_loop.py"
PARTS = ("imports", "data_set", "workers", "evaluation", "checkpoint")
STEPS = 95
"""With the warm-up the window ends in the last of four epochs of 30 steps, after three evaluations."""
ALLOWED = 0.05


def main() -> None:
    """Run, keep the result, print the table; the exit code says whether all were within 5 %."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    result = measure(options.runs, options.seconds)
    store.save(KEPT, "planted delays", result)
    rows = [(part, *(f"{value:+.1%}" for value in found)) for part, found in result["errors"].items()]
    print(store.table(("part", *(f"run {n + 1}" for n in range(options.runs))), rows))
    print(f"largest error {result['largest']:.1%}; sum against wall {result['sum_error']:.1e}")
    sys.exit(result["largest"] > ALLOWED)


def measure(runs: int, seconds: float) -> store.Result:
    """Return each part's relative error in each run, and the largest difference of a sum from the wall."""
    result = store.stamp() | {"runs": runs, "seconds": seconds}
    found = [measure_once(seconds) for _ in range(runs)]
    errors = {part: [one[part] for one in found] for part in PARTS}
    return result | {
        "errors": errors,
        "median": median(abs(error) for one in errors.values() for error in one),
        "largest": max(abs(error) for one in errors.values() for error in one),
        "sum_error": max(one["sum"] for one in found),
    }


def measure_once(seconds: float) -> dict[str, float]:
    """Return the relative errors of one run."""
    clock: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "taken.json"
        command = Command(arguments=(str(LOOP), str(out), str(seconds)))
        report, _ = profile(
            command,
            STEPS,
            look=lambda run: clock.update(json.loads((run / "run.json").read_text("utf-8"))["clock"]),
        )
        taken = json.loads(out.read_text("utf-8"))
    rows = report["ledger"]
    lived = (clock["child_ended_ns"] - clock["child_began_ns"]) / 1e9
    errors = {"sum": abs(sum(row["seconds"] for row in rows) / lived - 1)}
    for part in PARTS:
        mine = [r for r in rows if r["part"] == part and (part != "imports" or r["name"] == "slow_to_import")]
        errors[part] = sum(row["seconds"] for row in mine) / taken[part] - 1
    return errors


if __name__ == "__main__":
    main()
