"""Profile the three stories, and keep each run under reports/: redacted, without raw files.

python -m benchmarks.samples [NAMES] [--attempts N]

Of several attempts the one that waited least for a CPU is kept: a busy machine shows itself, not the story.
`reports/terminal.svg`, the picture in the README, is the report of the first story.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import pair
from benchmarks.pair import Pair
from benchmarks.runs import LIMIT_S
from benchmarks.store import ROOT
from throughput.collect.redact import redact, redaction_for
from throughput.collect.run_directory import RunDirectory
from throughput.flows.analyse import analyse
from throughput.flows.redacting import people, redacted_analysis
from throughput.flows.render import render_format
from throughput.model.report import Report
from throughput.render.json_report import report_from_json
from throughput.render.terminal import print_report

REPORTS = ROOT / "reports"
STORIES = ("numpy-round", "thread-lock", "data-moves")
STEPS = 200
SPARE = 3
"""The script runs this many times the window: warm-up and dropped steps come on top."""
COLUMNS = 100
FILES = ("run.json", "report.json")
# Rich's own format fetches a font; this one takes the reader's.
SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, monospace; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#292929"/>
<g transform="translate({terminal_x}, 22)" class="{unique_id}-matrix">{backgrounds}{matrix}</g>
</svg>
"""

Json = dict[str, Any]


def main() -> None:
    """Make the samples asked for, or all, and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=STORIES)
    parser.add_argument("--attempts", type=int, default=3)
    options = parser.parse_args()
    for story in pair.read_all(pair.PAIRS, list(options.names)):
        print(f"{story.name} ...", file=sys.stderr, flush=True)
        report = keep(story, options.attempts)
        print(f"{story.name}: {report.headline.sentence} (CPU wait {waiting(report):.1%} of a step)")
        if story.name == STORIES[0]:
            (REPORTS / "terminal.svg").write_text(picture(report), encoding="utf-8")


def keep(story: Pair, attempts: int) -> Report:
    """Profile a story, keep the calmest attempt under reports/, and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [attempt(story, Path(folder) / str(number)) for number in range(attempts)]
        calm = min(runs, key=lambda run: waiting(read_report(run)))
        return write_sample(calm, REPORTS / story.name)


def attempt(story: Pair, out: Path) -> Path:
    """Profile the slow script without workers, started in its own folder, and return the run directory."""
    script = story.slow
    assert script is not None  # a story is a pair, no clean script
    command = story.command("slow", 0, STEPS * SPARE)
    # Seen from its folder the script has a short name, as its user would type it.
    words = [sys.executable, "-m", "throughput", "profile", script.name, "--steps", str(STEPS)]
    words += ["--out", str(out), "--quiet", "--", *command.arguments[1:]]
    environment = command.environ(PYTHONPATH=str(ROOT))
    subprocess.run(
        words, cwd=script.parent, env=environment, stdin=subprocess.DEVNULL, check=True, timeout=LIMIT_S
    )
    return out


def waiting(report: Report) -> float:
    """Return the share of a step that waited for a CPU."""
    return next((row.share or 0.0 for row in report.split if row.category.value == "cpu_starved"), 0.0)


def read_report(run: Path) -> Report:
    """Return a run's report."""
    return report_from_json((run / "report.json").read_bytes())


def write_sample(run: Path, sample: Path) -> Report:
    """Write the redacted run with its source, and its reports; return the redacted report."""
    documents: dict[str, Json] = {name: json.loads((run / name).read_text("utf-8")) for name in FILES}
    redaction = redaction_for(*(documents[name] for name in FILES), names=people())
    analysis = redacted_analysis(analyse(RunDirectory(run)), redaction, keeps_source=True)
    run_ = documents["run.json"]
    run_["run_id"] = sample.name
    run_["code"]["diff"] = None  # of this checkout, not of the story
    run_["environment"]["kernel"] = run_["environment"]["kernel"].split("-")[0]
    summary = replace(analysis.report.run, run_id=sample.name, environment=run_["environment"])
    summary = replace(summary, environment=redact(summary.environment, redaction))
    analysis = replace(analysis, report=replace(analysis.report, run=summary))
    shutil.rmtree(sample, ignore_errors=True)
    sample.mkdir(parents=True)
    (sample / "run.json").write_text(json.dumps(redact(run_, redaction), indent=1) + "\n", encoding="utf-8")
    for format_ in ("json", "md", "html"):
        data, name = render_format(analysis, format_)
        (sample / name).write_bytes(data)
    return analysis.report


def picture(report: Report) -> str:
    """Return the terminal report as an SVG that asks nothing of the network."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    print_report(report, console)
    return console.export_svg(title="", code_format=SVG, unique_id="terminal")


if __name__ == "__main__":
    main()
