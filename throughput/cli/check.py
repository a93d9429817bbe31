"""Run `check` and `compare`: set the sides up, show how it stands, print the verdict, say the exit code."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from throughput import units
from throughput.cli.profile import options_from
from throughput.collect.options import ProfileOptions
from throughput.collect.run_directory import write_whole
from throughput.collect.secrets import MASK
from throughput.compare.rule import Settings
from throughput.errors import EXIT_DONE, EXIT_SLOWER, EXIT_UNSURE, NotComparable, UsageError
from throughput.flows.benchmark import OPTIONS
from throughput.flows.check import Heard, Plan, check_numbers, check_pairs
from throughput.flows.compare import compare
from throughput.flows.project import Project, project_of
from throughput.flows.saved import read_benchmark
from throughput.flows.sides import Sides, from_command, from_revision, from_saved
from throughput.model.benchmark import Benchmark
from throughput.model.verdict import Form, Outcome, Verdict
from throughput.render import verdict as words
from throughput.render.verdict_markdown import verdict_markdown

STEPS = 600
"""Of each side in a pair: on a noisy machine pairs then differ by 0.9 % (measured; by 4 % at 150 steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asked of a check."""

    against: str | None = None
    base_ref: str | None = None
    base_command: str | None = None
    form: str = "auto"
    steps: int | None = None
    threshold: str = "5%"
    max_runs: int = 12
    max_minutes: float = 10.0
    allow_inconclusive: bool = False
    force: bool = False
    counts: str = "explain"
    marker: str | None = None
    python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the verdict is shown."""

    as_json: bool = False
    markdown: str | None = None
    quiet: bool = False


def run_check(arguments: list[str], *, module: str | None, command: bool, asked: Asked, shown: Shown) -> int:
    """Check, print, and return the exit code.

    Raises:
        ThroughputError: nothing could be checked; that is never an exit code of a verdict.
    """
    verdict = checked(
        arguments, module=module, command=command, asked=asked, quiet=shown.quiet or shown.as_json
    )
    print_verdict(verdict, shown)
    return exit_code_of(verdict, allow_inconclusive=asked.allow_inconclusive)


def checked(arguments: list[str], *, module: str | None, command: bool, asked: Asked, quiet: bool) -> Verdict:
    """Return the verdict of a check.

    Raises:
        ThroughputError: nothing could be checked.
    """
    _require_one_base(asked)
    project = project_of(Path.cwd())
    plan = _plan(asked)
    benchmark = read_benchmark(project, asked.against) if asked.against is not None else None
    head = _head(arguments, module=module, command=command, benchmark=benchmark, asked=asked)
    progress = _Progress(asked, quiet=quiet)
    try:
        if benchmark is not None:
            return _against(benchmark, head, plan, project, (asked, progress))
        with _sides(head, asked, project) as sides:
            return check_pairs(sides, plan, project, progress.hear)
    finally:
        progress.close()


def _sides(head: ProfileOptions, asked: Asked, project: Project) -> AbstractContextManager[Sides]:
    if asked.base_ref is not None:
        return from_revision(head, asked.base_ref, project)
    return from_command(head, asked.base_command or "")


def run_compare(base: str, head: str, *, threshold: str, force: bool, shown: Shown) -> None:
    """Compare two runs or saved benchmarks, and print what differs.

    Raises:
        NotComparable: they can't be compared, or there is no such run or benchmark.
        DamagedFile: a file is damaged.
    """
    settings = Settings(threshold=share_of(threshold))
    verdict = compare(base, head, project_of(Path.cwd()), settings=settings, force=force)
    print_verdict(verdict, shown)


def exit_code_of(verdict: Verdict, *, allow_inconclusive: bool) -> int:
    """Return 1 for slower (or, with strict counts, changed work), 7 for can't tell, else 0."""
    if verdict.outcome is Outcome.SLOWER or verdict.work_changed:
        return EXIT_SLOWER
    if verdict.outcome is Outcome.UNSURE and not allow_inconclusive:
        return EXIT_UNSURE
    return EXIT_DONE


def share_of(text: str) -> float:
    """Return a share from "5%", "5 %" or "0.05".

    Raises:
        UsageError: it is no share between 0 and 100 %.
    """
    number, percent = text.strip().removesuffix("%").strip(), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise UsageError(f"--threshold is a share such as 5%, not {text}.", hint="Try --threshold 5%.")
    return share


def print_verdict(verdict: Verdict, shown: Shown) -> None:
    """Print the verdict, its sentence first, and write the Markdown where it is asked for."""
    if shown.markdown is not None:
        _append(Path(shown.markdown), verdict_markdown(verdict))
    if shown.as_json:
        sys.stdout.buffer.write(words.verdict_to_json(verdict))
        sys.stdout.buffer.flush()
        return
    console = Console(highlight=False)
    console.print(Text(verdict.sentence, style="bold"), soft_wrap=True)
    if shown.quiet:
        return
    console.print(Text(words.basis(verdict), style="dim"), soft_wrap=True)
    for heads, rows in (
        (words.PART_HEADS, words.part_rows(verdict)),
        (words.SPOT_HEADS, words.spot_rows(verdict)),
    ):
        if rows:
            console.print()
            console.print(_table(heads, rows))
    lines = (*words.count_lines(verdict), *words.other_lines(verdict))
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    for note in verdict.notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def _table(heads: Sequence[str], rows: Sequence[words.Row]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(heads):
        shown.add_column(name, justify="right" if number in (1, 2, 3) else "left", overflow="fold")
    for row in rows:
        cells = (row.name, row.base, row.head, row.difference, row.remark)
        shown.add_row(*(Text(cell) for cell in cells), style="bold" if row.stands_out else "")
    return shown


def _append(file: Path, text: str) -> None:
    """Add to a file, as job summaries want it; a device or pipe is written as it is."""
    try:
        if file.exists() and not file.is_file():
            file.write_text(text, encoding="utf-8")
            return
        before = file.read_bytes() if file.exists() else b""
        write_whole(file, before + (b"\n" if before else b"") + text.encode())
    except OSError as error:
        what = f"Can't write {file}: {error.strerror or error}."
        raise UsageError(what, hint="Choose another file.") from None


def _require_one_base(asked: Asked) -> None:
    given = [value for value in (asked.against, asked.base_ref, asked.base_command) if value is not None]
    if len(given) != 1:
        raise UsageError(
            "A check needs one thing to compare with." if not given else "A check compares with one thing.",
            hint="Give --base-ref REV, --base-command COMMAND or --against NAME.",
        )


def _plan(asked: Asked) -> Plan:
    if asked.form not in ("auto", "interleaved", "stored"):
        raise UsageError(
            f"--form is auto, interleaved or stored, not {asked.form}.", hint="auto takes the best."
        )
    if asked.form == "stored" and asked.against is None:
        raise UsageError("--form stored needs --against NAME.", hint="Leave --form out.")
    if asked.counts not in ("explain", "strict"):
        raise UsageError(
            f"--counts is explain or strict, not {asked.counts}.", hint="explain never fails a check."
        )
    return Plan(
        settings=Settings(threshold=share_of(asked.threshold), most=max(3, asked.max_runs)),
        steps=asked.steps or STEPS,
        max_seconds=asked.max_minutes * 60,
        interleaved=asked.form == "interleaved",
        force=asked.force,
        strict_counts=asked.counts == "strict",
    )


def _head(
    arguments: list[str], *, module: str | None, command: bool, benchmark: Benchmark | None, asked: Asked
) -> ProfileOptions:
    """Return what to run: what was typed, else what the benchmark ran."""
    if benchmark is None:
        return options_from(arguments, module=module, command=command, given=_typed(asked))
    arguments_ = _saved_arguments(benchmark)
    if not arguments and module is None:
        if benchmark.script is None or any(MASK in word for word in arguments_):
            raise UsageError(
                f"{benchmark.name} doesn't say what to run.", hint="Name the script and its arguments."
            )
        script = [] if benchmark.is_module else [benchmark.command[1]]
        named = benchmark.script if benchmark.is_module else None
        return options_from(
            [*script, *arguments_], module=named, command=False, given=_given(benchmark, asked)
        )
    typed = options_from(arguments, module=module, command=command, given=_given(benchmark, asked))
    now = typed.arguments[1:] if command else typed.arguments
    if now != arguments_ and not any(MASK in word for word in arguments_) and not asked.force:
        raise NotComparable(
            f"{benchmark.name} ran with the arguments `{' '.join(arguments_)}`, these are `{' '.join(now)}`.",
            hint="Give the same arguments after --, or --force.",
        )
    return typed


def _saved_arguments(benchmark: Benchmark) -> tuple[str, ...]:
    """Return what followed the script, the module or the command's first word."""
    if benchmark.is_module:
        return benchmark.command[3:]
    return benchmark.command[2:] if benchmark.script is not None else benchmark.command[1:]


def _given(benchmark: Benchmark, asked: Asked) -> dict[str, object]:
    """Return the options under which the benchmark was made, where nothing else was asked for."""
    found = {name: benchmark.options.get(name) for name in OPTIONS}
    return found | {name: value for name, value in _typed(asked).items() if value is not None}


def _typed(asked: Asked) -> dict[str, object]:
    return {"steps": asked.steps, "marker": asked.marker, "python": asked.python}


def _against(
    benchmark: Benchmark, head: ProfileOptions, plan: Plan, project: Project, how: tuple[Asked, _Progress]
) -> Verdict:
    """Return the verdict against a saved benchmark: of its code where it can be had, else of its numbers."""
    asked, progress = how
    if asked.form != "stored":
        with from_saved(head, benchmark, project) as sides:
            if sides is not None:
                return check_pairs(sides, plan, project, progress.hear)
    verdict = check_numbers(benchmark, head, plan, project, progress.hear)
    if asked.form == "stored":
        return verdict
    note = f"The code of {benchmark.name} can't be had any more, so numbers were compared."
    return replace(verdict, notes=(note, *verdict.notes))


class _Progress:
    """Tells how a check stands, a line a value, on standard error."""

    def __init__(self, asked: Asked, *, quiet: bool) -> None:
        self.quiet = quiet
        self.began = time.monotonic()
        if not quiet:
            sys.stderr.write(
                f"The script runs afresh, up to {asked.max_runs} times on each side "
                f"or {asked.max_minutes:g} min, and writes each time what it always writes.\n"
            )

    def hear(self, heard: Heard) -> None:
        """Print a line."""
        if self.quiet:
            return
        found = heard.decision.estimate
        unit = "run" if heard.form is Form.STORED else "pair"
        span = (
            f"{units.change_range(_ratio(found.low), _ratio(found.high))}"
            if found.half < 5
            else "too early for an interval"
        )
        confirming = ", being confirmed by fresh ones" if heard.decision.confirming else ""
        change = units.change(_ratio(found.log_ratio))
        sys.stderr.write(f"after {units.plural(found.count, unit)}: {change} ({span}){confirming}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Say how long it took."""
        if not self.quiet:
            sys.stderr.write(f"Took {time.monotonic() - self.began:.0f} s.\n")


def _ratio(log_ratio: float) -> float:
    return math.expm1(log_ratio)
