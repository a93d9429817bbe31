"""Define the verbs that ask what a change would buy, a saved run or the machine: whatif and try."""

from __future__ import annotations

from typing import Annotated

import typer

from throughput.cli.app import Arguments, Marker, Module, Python
from throughput.cli.ranks import app

__all__ = ["app"]


@app.command(
    epilog="Examples:\n\n"
    "throughput whatif reports/run --without numpy.round\n\n"
    "throughput whatif reports/run --workers 4 --prefetch 8\n\n"
    "throughput whatif reports/run --scale augment=0.2"
)
def whatif(
    run: Annotated[str, typer.Argument(help="A run directory.")],
    without: Annotated[
        list[str] | None, typer.Option(help="A place that costs nothing any more, by its name in the report.")
    ] = None,
    scale: Annotated[list[str] | None, typer.Option(help="NAME=PART: a place of which a part stays.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="DataLoader workers.")] = None,
    prefetch: Annotated[int | None, typer.Option(min=1, help="Batches that each works ahead.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples in a batch.")] = None,
) -> None:
    """Replay a run with something changed, and say how long a step would take."""
    from throughput.cli.whatif import run_whatif
    from throughput.model.finding import LoaderSettings

    asked = workers is not None or prefetch is not None
    settings = LoaderSettings(num_workers=workers, prefetch_factor=prefetch) if asked else None
    run_whatif(run, without=without or [], scale=scale or [], settings=settings, batch_size=batch_size)


Persistent = Annotated[bool | None, typer.Option("--persistent/--no-persistent", help="Keep workers alive.")]
Pin = Annotated[bool | None, typer.Option("--pin/--no-pin", help="Copy batches into pinned memory.")]


@app.command(
    "try",
    epilog="Examples:\n\n"
    "throughput try train.py --workers 4 -- --epochs 1\n\n"
    "throughput try train.py --run reports/run   (what its report names, and the ceiling)\n\n"
    "throughput try train.py --search   (the loader settings that are as good as any)\n\n"
    "throughput try train.py --knobs bf16,compile,threads",
)
def try_(
    *,
    arguments: Arguments = None,
    module: Module = None,
    run: Annotated[str | None, typer.Option(help="A profiled run of it: its advice is tried.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="DataLoader workers.")] = None,
    prefetch: Annotated[int | None, typer.Option(min=1, help="Batches that each works ahead.")] = None,
    persistent: Persistent = None,
    pin: Pin = None,
    threads: Annotated[int | None, typer.Option(min=1, help="torch.set_num_threads.")] = None,
    cached: Annotated[bool, typer.Option("--cached", help="Train from a few cached batches.")] = False,
    loader_only: Annotated[
        bool, typer.Option("--loader-only", help="Load batches without training: the loader's ceiling.")
    ] = False,
    cold: Annotated[
        bool, typer.Option("--cold", help="Run with the data dropped from the page cache, and with it there.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="Look for the best loader settings, in ten short runs at most.")
    ] = False,
    knobs: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Of the computation, by commas: batch,bf16,tf32,compile,foreach,channels_last,threads.",
        ),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=20, help="Fresh pairs of processes, at most.")] = 3,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Turns of a pair, at most. (default: 30; with --search 10)"),
    ] = None,
    marker: Marker = None,
    python: Python = None,
) -> None:
    """Try settings by experiment: the script as it is, and changed, in turns. Nothing is edited."""
    from throughput.cli.profile import options_from
    from throughput.cli.trial import Asked, run_try

    settings: dict[str, int | bool | None] = {
        "num_workers": workers,
        "prefetch_factor": prefetch,
        "persistent_workers": persistent,
        "pin_memory": pin,
        "threads": threads,
        "cached": cached or None,
        "loader_only": loader_only or None,
    }
    options = options_from(
        arguments or [], module=module, command=False, given={"marker": marker, "python": python}
    )
    asked = Asked(
        settings={name: value for name, value in settings.items() if value is not None},
        knobs=knobs,
        cold=cold,
        search=search,
        pairs=pairs,
        seconds=seconds,
    )
    raise typer.Exit(run_try(options, asked, run))
