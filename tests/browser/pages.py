"""Write the pages that the browser tests open.

python -m tests.browser.pages OUT_DIR
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.browser import large_flames
from tests.golden.recordings import analysis_of
from tests.golden.trace_slices import SLICES
from tests.unit.flows.trace_scenes import a_run
from tests.unit.render import builders as b
from tests.unit.render import timelines as t
from throughput.flows import trace_reading, trace_run
from throughput.model.flame import FlameRows, Flames
from throughput.model.report import Analysis, Report
from throughput.model.timeline import Frame, Stacks
from throughput.render.against import Against, compared
from throughput.render.html import report_html

HOSTILE = (
    '</script><script>window.__pwned=1</script><img src=x onerror="window.__pwned=1">{{DATA}}{% raw %}\u202e'
)
FASTER = 0.5
"""What a baseline's busiest stack takes of this run's."""


def recorded(name: str) -> Analysis:
    """Return the analysis of a recorded run."""
    with tempfile.TemporaryDirectory() as scratch:
        return analysis_of(name, Path(scratch))


def traced(*names: str) -> Analysis:
    """Return the analysis of recorded traces, one a rank."""
    paths = [SLICES / f"{name}.json.gz" for name in names]
    ranks, _ = trace_reading.read_ranks(paths, lambda _text: None)
    return trace_run.analysis_of(a_run(len(ranks[0].timeline.steps)), ranks)


def with_flames(analysis: Analysis, flames: Flames, **changes: object) -> Analysis:
    """Return the analysis with other flame graphs, and other fields of its attribution."""
    facts = analysis.facts[0]
    attribution = replace(facts.attribution, flames=flames, **changes)  # type: ignore[arg-type]
    return replace(analysis, facts=(replace(facts, attribution=attribution), *analysis.facts[1:]))


def baseline_of(analysis: Analysis) -> Against:
    """Return a comparison with a run whose busiest stack took half the time, and one stack was another."""
    report, flames = analysis.report, analysis.facts[0].attribution.flames
    speed = report.throughput
    assert speed is not None
    then_speed = replace(speed, step_ns=replace(speed.step_ns, mean=speed.step_ns.mean * 0.8))
    spots = tuple(
        replace(h, ns_per_step=h.ns_per_step * (FASTER if h.rank == 1 else 1)) for h in report.hotspots
    )
    then = replace(report, throughput=then_speed, hotspots=spots)
    tabs = tuple(_faster(rows) for rows in flames.tabs)
    return replace(compared(report, then), flames=replace(flames, tabs=tabs))


def _faster(rows: FlameRows) -> FlameRows:
    _, place = np.unique(rows.stack, return_inverse=True)
    busiest = int(np.bincount(place, weights=rows.ns).argmax())
    return replace(rows, ns=np.where(place == busiest, rows.ns * FASTER, rows.ns))


def small_flames(*stacks: tuple[Frame, ...], steps: int = 38) -> Flames:
    """Return a graph of one tab in which each stack was seen in every step."""
    frames = tuple(dict.fromkeys(frame for stack in stacks for frame in stack))
    numbers = {frame: number for number, frame in enumerate(frames)}
    many = len(stacks) * steps
    ns = np.full(many, 100e6 / len(stacks))
    rows = FlameRows(
        tab="training",
        steps=steps,
        samples=many,
        stack=np.tile(np.arange(len(stacks)), steps),
        category=np.zeros(many, dtype=np.int64),
        ns=ns,
        step=np.repeat(np.arange(steps), len(stacks)),
        step_ns=ns,
    )
    paths = tuple(tuple(numbers[frame] for frame in stack) for stack in stacks)
    return Flames(stacks=Stacks(frames=frames, stacks=paths), tabs=(rows,))


def hostile() -> Analysis:
    """Return a run in which every name is an attack."""
    hot = b.hotspot(
        name=HOSTILE,
        file=HOSTILE,
        function=HOSTILE,
        source=(replace(b.hotspot().source[2], text=HOSTILE),),
    )
    found = b.finding(title=HOSTILE, rule=HOSTILE, fix=HOSTILE, evidence=(HOSTILE,))
    made = b.report(
        hotspots=(hot,),
        findings=(found,),
        notes=(HOSTILE,),
        locks=(b.lock_summary(holder=HOSTILE),),
        run=b.run(command=(HOSTILE,), environment={HOSTILE: HOSTILE}),
    )
    frame = Frame(function=HOSTILE, file=HOSTILE, line=3, own=True)
    return with_flames(t.analysis(made), small_flames((frame,)), steps=large_flames.steps(38))


def sized(samples: int, stacks: int, steps: int) -> Analysis:
    """Return a run with so many samples."""
    over = large_flames.steps(steps)
    return with_flames(t.analysis(), large_flames.flames(samples, stacks, over), steps=over)


def pages() -> dict[str, str]:
    """Return the pages by name."""
    story = recorded("two-worker-and-checkpoint-1-slow")
    plain = t.analysis()
    one = large_flames.steps(1)
    long_name = Frame(function="f" * 300, file=f"{'folder/' * 40}train.py", line=1, own=True)
    no_source = b.report(hotspots=tuple(replace(spot, source=()) for spot in b.report().hotspots))
    return {
        "story": report_html(story),
        "against": report_html(story, baseline_of(story)),
        "no_workers": report_html(recorded("gil-thread-0-slow")),
        "ranks": report_html(traced(*(f"megatron-rank{rank}" for rank in range(8)))),
        "gpus": report_html(traced("imagenet-gpu4")),
        "hostile": report_html(hostile()),
        "empty": report_html(with_flames(plain, Flames(), steps=())),
        "one_step": report_html(with_flames(plain, large_flames.flames(9, 5, one), steps=one)),
        "no_source": report_html(_no_source(plain, no_source)),
        "long_name": report_html(
            with_flames(t.analysis(_long_names()), small_flames((long_name,)), steps=large_flames.steps(38))
        ),
        "samples_10k": report_html(sized(10_000, 700, 200)),
        "samples_100k": report_html(sized(100_000, 4_000, 400)),
    }


def _no_source(plain: Analysis, report: Report) -> Analysis:
    over = large_flames.steps(38)
    return with_flames(replace(plain, report=report), large_flames.flames(500, 40, over), steps=over)


def _long_names() -> Report:
    name = "f" * 300
    return b.report(hotspots=(b.hotspot(name=name, function=name, file=f"{'folder/' * 40}train.py"),))


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        print(f"{name}.html {len(page.encode()):,} bytes")


if __name__ == "__main__":
    main()
