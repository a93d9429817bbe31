"""Define the verb about ranks of several machines: merge; what it does is loaded when called."""

from __future__ import annotations

from typing import Annotated

import typer

from throughput.cli.regression import app

__all__ = ["app"]


@app.command(
    epilog="Example, after `throughput profile --command -- torchrun --nnodes 2 ...` on both machines:\n\n"
    "throughput merge shared/node-a shared/node-b"
)
def merge(
    runs: Annotated[
        list[str], typer.Argument(metavar="DIR...", help="Run directories, one of each machine.")
    ],
    out: Annotated[
        str | None, typer.Option(help="Run directory. (default: reports/<date-time>-<script>-gathered)")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing of ours.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; all else goes to standard error.")
    ] = False,
) -> None:
    """Gather the ranks that several machines profiled into one run directory, and report on all."""
    from throughput.cli.merge import run_merge
    from throughput.cli.profile import Output

    run_merge(runs, out, Output(open_page=open_page, quiet=quiet, as_json=as_json))
