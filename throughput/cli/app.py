"""Define the verbs and their options; what a verb does is loaded when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

import throughput

app = typer.Typer(
    name="throughput",
    help="Find out why a PyTorch training is slow: where each step's time goes, which line takes it, "
    "and what fixing it could buy. Your script is not edited.",
    epilog="Start with: [bold]throughput demo[/bold], "
    "then [bold]throughput profile train.py --steps 200[/bold]",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MEASURING, STOPPING, OUTPUT = "What is measured", "When it ends", "What comes out"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"throughput {throughput.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


# The options of `profile`, each with its help: its parameters then read as a list.
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="[SCRIPT] [-- ARGS...]", help="The script and its arguments.")
]
Module = Annotated[str | None, typer.Option("-m", "--module", help="Profile a module, like python -m.")]
Command = Annotated[bool, typer.Option("--command", help="What follows -- is a whole command.")]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps", "-n", help="Steps to keep, after warm-up. (default: 200)", rich_help_panel=MEASURING
    ),
]
Warmup = Annotated[
    str | None, typer.Option(help="Steps before that, or auto. (default: auto)", rich_help_panel=MEASURING)
]
Collectors = Annotated[
    str | None,
    typer.Option(
        help="Which collectors, by commas: stacks,locks,syscalls,torch,cprofile,host,gpu. (default: all)",
        rich_help_panel=MEASURING,
    ),
]
Stacks = Annotated[
    str | None, typer.Option(help="py-spy, in-process or auto. (default: auto)", rich_help_panel=MEASURING)
]
Marker = Annotated[
    str | None, typer.Option(help="Count calls of this function as steps.", rich_help_panel=MEASURING)
]
Unit = Annotated[
    list[str] | None,
    typer.Option(
        metavar="UNIT=PATH",
        help="What counts as samples or tokens in a batch: tokens=KEY, samples=batch[0].shape[0].",
        rich_help_panel=MEASURING,
    ),
]
Python = Annotated[
    str | None,
    typer.Option(help="The script's interpreter, where it has another one.", rich_help_panel=MEASURING),
]
MaxSeconds = Annotated[
    float | None, typer.Option(help="End after this time, with what there is.", rich_help_panel=STOPPING)
]
Stall = Annotated[
    float | None,
    typer.Option(
        help="Seconds without any sign of life that are a hang. (default: 60)", rich_help_panel=STOPPING
    ),
]
RunToEnd = Annotated[
    bool,
    typer.Option("--run-to-end", help="Let the script finish after its window.", rich_help_panel=STOPPING),
]
Out = Annotated[
    str | None,
    typer.Option(help="Run directory. (default: reports/<date-time>-<script>)", rich_help_panel=OUTPUT),
]
Budget = Annotated[
    str | None, typer.Option(help="Say what fits into this time, such as 12h.", rich_help_panel=OUTPUT)
]
Price = Annotated[
    str | None,
    typer.Option(
        metavar="AMOUNT/h",
        help="Say what an epoch and its parts cost, at this price of an hour: 2.49/h.",
        rich_help_panel=OUTPUT,
    ),
]
Save = Annotated[
    str | None,
    typer.Option(
        "--save", metavar="NAME", help="Save it as a benchmark, for `check`.", rich_help_panel=OUTPUT
    ),
]
Runs = Annotated[
    int,
    typer.Option(
        min=1, max=50, help="Fresh processes to save: 3 or more show their spread.", rich_help_panel=OUTPUT
    ),
]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in a browser.", rich_help_panel=OUTPUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing of ours.", rich_help_panel=OUTPUT)]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print the report as JSON; all else goes to standard error.", rich_help_panel=OUTPUT
    ),
]


@app.command(
    epilog="Examples:\n\n"
    "throughput profile train.py --steps 200 -- --batch-size 64\n\n"
    "throughput profile -m pkg.train --steps 200 -- --lr 0.1\n\n"
    "throughput profile --steps 200 --command -- torchrun --nproc-per-node 2 train.py"
)
def profile(
    *,
    arguments: Arguments = None,
    module: Module = None,
    command: Command = False,
    steps: Steps = None,
    warmup: Warmup = None,
    collectors: Collectors = None,
    stacks: Stacks = None,
    marker: Marker = None,
    unit: Unit = None,
    python: Python = None,
    max_seconds: MaxSeconds = None,
    stall: Stall = None,
    run_to_end: RunToEnd = False,
    out: Out = None,
    budget: Budget = None,
    price: Price = None,
    save: Save = None,
    runs: Runs = 1,
    open_page: OpenPage = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Profile a training script over a window of steps, and say what slows it down."""
    from throughput.cli.profile import Output, options_from, run_profile

    options = options_from(
        arguments or [],
        module=module,
        command=command,
        given={
            "steps": steps,
            "warmup": warmup,
            "collectors": collectors,
            "stacks": stacks,
            "marker": marker,
            "unit": unit,
            "python": python,
            "max_seconds": max_seconds,
            "stall": stall,
            "out": out,
            "run_to_end": run_to_end or None,
        },
    )
    output = Output(open_page=open_page, quiet=quiet, as_json=as_json, budget=budget, price=price)
    if save is not None or runs > 1:
        from throughput.cli.save import run_profiles_and_save

        raise typer.Exit(run_profiles_and_save(options, output, name=save, runs=runs))
    raise typer.Exit(run_profile(options, output))


@app.command(
    epilog="Examples:\n\n"
    "throughput analyze trace.json.gz\n\n"
    "throughput analyze traces/   (a folder: one trace a rank)\n\n"
    "throughput analyze s3://bucket/job7/ --engine dask://scheduler:8786"
)
def analyze(
    *,
    traces: Annotated[
        list[str],
        typer.Argument(
            metavar="TRACE...",
            help="Trace files of torch.profiler, or folders of them: a trace a rank. Paths, or URLs that "
            "fsspec knows (s3://, gs://).",
        ),
    ],
    engine: Annotated[
        str | None, typer.Option(help="Read on a cluster: dask://host:port. (default: on this machine)")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Read so many ranks at once. (default: by CPUs and sizes)"),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Run directory. (default: reports/<date-time>-<trace>)")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing of ours.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; all else goes to standard error.")
    ] = False,
) -> None:
    """Say what slows a training down from traces that torch.profiler wrote (CUDA, ROCm, CPU)."""
    from throughput.cli.analyze import run_analyze
    from throughput.cli.profile import Output
    from throughput.flows.trace_engines import engine_named

    chosen = engine_named(engine, processes)
    raise typer.Exit(
        run_analyze(traces, out, chosen, Output(open_page=open_page, quiet=quiet, as_json=as_json))
    )


@app.command()
def demo(
    steps: Annotated[int, typer.Option("--steps", "-n", help="Steps to keep.")] = 200,
    out: Annotated[str | None, typer.Option(help="Run directory.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    workers: Annotated[int, typer.Option(help="DataLoader workers of the demo.")] = 0,
) -> None:
    """Profile the bundled slow script, to see what a report looks like."""
    from throughput.cli.profile import Output, run_demo

    raise typer.Exit(run_demo(steps, out, workers, Output(open_page=open_page)))


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A run directory.")],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="html, md, json, speedscope, perfetto or pstats. (default: on the terminal)"
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Show it beside an earlier run (its directory or report.json) or a saved benchmark. "
            "On the terminal, html and md; the other formats hold the run alone."
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(help="File to write; - for standard output. With --redact: a new folder."),
    ] = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Write a copy of the run to show to others: every format, without host, user, folders, "
            "arguments and lines of code. (default folder: RUN-redacted)",
        ),
    ] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Render a saved run again."""
    from throughput.cli.report import run_redacted, run_report

    if redact:
        run_redacted(run, against=against, format_=format_, out=out, open_page=open_page)
    else:
        run_report(run, against=against, format_=format_, out=out, open_page=open_page)


@app.command()
def view(run: Annotated[str, typer.Argument(help="A run directory.")]) -> None:
    """Open a run's cProfile data in snakeviz."""
    from throughput.cli.view import run_view

    raise typer.Exit(run_view(run))


@app.command()
def dump(
    pid: Annotated[int, typer.Argument(min=1, help="Process id of a training that runs, or hangs.")],
) -> None:
    """Say who waits for whom in a running process, and show the stacks of all its threads."""
    from throughput.cli.dump import run_dump

    run_dump(pid)


@app.command()
def explain(
    rule: Annotated[str | None, typer.Argument(help="A rule's name; without one, all are listed.")] = None,
) -> None:
    """Say what a rule looks for, why it costs time, and when it is wrong."""
    from throughput.cli.explain import run_explain

    run_explain(rule)


@app.command()
def doctor(
    python: Annotated[
        str | None, typer.Option(help="The script's interpreter, where it has another one.")
    ] = None,
    bench: Annotated[
        bool,
        typer.Option(
            "--bench",
            help="Measure how fast torch multiplies matrices and copies memory here (10 s), "
            "so that reports can say which part of it a training reaches.",
        ),
    ] = False,
) -> None:
    """Say what this machine can collect, and what would change what it can't."""
    from throughput.cli.doctor import run_bench, run_doctor

    if bench:
        run_bench(python)
    else:
        run_doctor(python)


@app.command()
def rerun(
    run: Annotated[str, typer.Argument(help="A run directory.")],
    out: Annotated[str | None, typer.Option(help="The new run's directory.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask first.")] = False,
) -> None:
    """Profile the same window again, after showing the command."""
    from throughput.cli.rerun import run_rerun

    raise typer.Exit(run_rerun(run, out, yes))
