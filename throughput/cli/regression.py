"""Define the verbs about saved benchmarks: save, check, compare; what they do is loaded when called."""

from __future__ import annotations

from typing import Annotated

import typer

from throughput.cli.app import Arguments, Command, Marker, Module, Python, app

__all__ = ["app"]

BASE, RULE, OUTPUT = "What it is compared with", "When it is a regression", "What comes out"
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.", rich_help_panel=OUTPUT)]
Markdown = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help='Add the verdict as Markdown, say to "$GITHUB_STEP_SUMMARY".',
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the verdict's sentence only.", rich_help_panel=OUTPUT)
]
BaseRef = Annotated[
    str | None,
    typer.Option(
        metavar="REV", help="The code of a git revision, in turns with today's.", rich_help_panel=BASE
    ),
]
BaseCommand = Annotated[
    str | None, typer.Option(help="Another command, in turns with this one.", rich_help_panel=BASE)
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A saved benchmark: its code where it can be had, else its numbers.",
        rich_help_panel=BASE,
    ),
]
Form = Annotated[
    str,
    typer.Option(
        help="auto, interleaved (one process after the other) or stored (numbers alone).",
        rich_help_panel=BASE,
    ),
]
Steps = Annotated[
    int | None, typer.Option("--steps", "-n", min=20, help="Steps of each side in a pair. (default: 600)")
]
Threshold = Annotated[
    str, typer.Option(help="Slower by this share of a step is a regression.", rich_help_panel=RULE)
]
MaxRuns = Annotated[
    int, typer.Option(min=3, max=100, help="Pairs or processes, at most.", rich_help_panel=RULE)
]
MaxMinutes = Annotated[float, typer.Option(min=0.1, help="Time, at most.", rich_help_panel=RULE)]
AllowInconclusive = Annotated[
    bool, typer.Option("--allow-inconclusive", help="Can't tell is no failure.", rich_help_panel=RULE)
]
Counts = Annotated[
    str, typer.Option(help="explain, or strict: changed work fails too.", rich_help_panel=RULE)
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Compare although machine or workload differ.", rich_help_panel=RULE),
]


@app.command()
def save(
    runs: Annotated[list[str], typer.Argument(help="Run directories of one script, each a fresh process.")],
    name: Annotated[str, typer.Option("--name", help="What the benchmark is called, such as main.")],
) -> None:
    """Save runs as a benchmark of the project, to be committed and checked against."""
    from throughput.cli.save import run_save

    run_save(runs, name)


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="A run directory, a report.json or a saved benchmark's name.")],
    head: Annotated[str, typer.Argument(help="Another one.")],
    threshold: Threshold = "5%",
    force: Force = False,
    as_json: AsJson = False,
    markdown: Markdown = None,
) -> None:
    """Compare two runs or saved benchmarks as numbers: the step, its parts, its hotspots, its work."""
    from throughput.cli.check import Shown, run_compare

    run_compare(base, head, threshold=threshold, force=force, shown=Shown(as_json=as_json, markdown=markdown))


@app.command(
    epilog="Examples:\n\n"
    "throughput check train.py --base-ref origin/main -- --epochs 3   (both versions in turns: for CI)\n\n"
    "throughput check train.py --against main\n\n"
    'throughput check new.py --base-command "python old.py"\n\n'
    "Exit codes: 0 not slower, 1 slower, 6 not comparable, 7 can't tell; 2 to 5: nothing was checked."
)
def check(
    *,
    arguments: Arguments = None,
    module: Module = None,
    command: Command = False,
    base_ref: BaseRef = None,
    base_command: BaseCommand = None,
    against: Against = None,
    form: Form = "auto",
    steps: Steps = None,
    threshold: Threshold = "5%",
    max_runs: MaxRuns = 12,
    max_minutes: MaxMinutes = 10.0,
    allow_inconclusive: AllowInconclusive = False,
    counts: Counts = "explain",
    force: Force = False,
    marker: Marker = None,
    python: Python = None,
    as_json: AsJson = False,
    markdown: Markdown = None,
    quiet: Quiet = False,
) -> None:
    """Check a script for a regression; says which component and function changed, and how sure that is."""
    from throughput.cli.check import Asked, Shown, run_check

    asked = Asked(
        against=against,
        base_ref=base_ref,
        base_command=base_command,
        form=form,
        steps=steps,
        threshold=threshold,
        max_runs=max_runs,
        max_minutes=max_minutes,
        allow_inconclusive=allow_inconclusive,
        force=force,
        counts=counts,
        marker=marker,
        python=python,
    )
    shown = Shown(as_json=as_json, markdown=markdown, quiet=quiet)
    raise typer.Exit(run_check(arguments or [], module=module, command=command, asked=asked, shown=shown))
