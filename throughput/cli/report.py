"""Run `report`: render a saved run again, on the terminal or into a file."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from throughput.cli.output import print_analysis
from throughput.collect.run_directory import write_whole
from throughput.errors import UsageError
from throughput.flows.against import against_baseline, saved_analysis
from throughput.flows.redacting import write_redacted
from throughput.flows.render import FORMATS, render_format


def run_report(
    run: str, *, against: str | None, format_: str | None, out: str | None, open_page: bool
) -> None:
    """Render a run.

    Raises:
        UsageError: no run there, or an unknown format.
        DamagedFile: a run can't be read.
        NotComparable: the run to compare with differs in batch size, device or number of ranks.
    """
    path = Path(run).resolve()
    folder = path.parent if path.is_file() else path
    if format_ is not None and format_ not in FORMATS:
        raise UsageError(f"There is no format {format_}.", hint=f"Choose among {', '.join(FORMATS)}.")
    analysis = saved_analysis(path)
    beside = against_baseline(analysis, against)
    page = folder / FORMATS["html"]
    if format_ is None:
        if open_page:
            write_whole(page, render_format(analysis, "html", beside)[0])
        print_analysis(analysis, [os.path.relpath(page)] if open_page else [], against=beside)
        _open(page, open_page)
        return
    data, name = render_format(analysis, format_, beside)
    if out == "-":
        sys.stdout.buffer.write(data)
        return
    file = Path(out) if out else folder / name
    file.write_bytes(data)
    print(os.path.relpath(file))
    _open(page, open_page and format_ == "html")


def run_redacted(
    run: str, *, against: str | None, format_: str | None, out: str | None, open_page: bool
) -> None:
    """Write a redacted copy of a run into a folder.

    Raises:
        UsageError: no run there, the folder can't be written, or an option that doesn't go with it.
        DamagedFile: the run can't be read.
    """
    if against is not None or format_ is not None or out == "-":
        raise UsageError(
            "--redact writes every format of one run into a folder: no --against, --format or - with it.",
            hint="Give --out DIR alone.",
        )
    path = Path(run).resolve()
    folder = Path(out) if out else path.with_name(f"{path.stem if path.is_file() else path.name}-redacted")
    for file in write_redacted(path, folder):
        print(os.path.relpath(file))
    _open(folder.resolve() / FORMATS["html"], open_page)


def _open(page: Path, wanted: bool) -> None:
    if wanted:
        webbrowser.open(page.as_uri())
