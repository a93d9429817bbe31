"""Run `profile` and `demo`: options from command line and project, live lines, the report at the end."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from throughput.cli.live_region import LiveLines
from throughput.cli.output import print_analysis
from throughput.collect.options import ALWAYS, COLLECTORS, ProfileOptions
from throughput.collect.profile import Listener
from throughput.errors import UsageError
from throughput.flows.budget import price_of, seconds_of
from throughput.flows.profile import Profiled, exit_code, profile
from throughput.flows.settings import project_settings
from throughput.model.place import legible
from throughput.render.json_report import report_to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What to print and open."""

    open_page: bool = False
    quiet: bool = False
    as_json: bool = False
    budget: str | None = None
    price: str | None = None


NOT_SETTINGS = {"script", "module", "arguments", "knobs", "cwd", "variables"}
NAMES = {"stall": "stall_s", "max-seconds": "max_seconds", "run-to-end": "run_to_end"}


def options_from(
    arguments: list[str], *, module: str | None, command: bool, given: dict[str, Any]
) -> ProfileOptions:
    """Return the options: the command line's, else the project's, else the defaults.

    Raises:
        UsageError: nothing to profile, two things to profile, or an unknown key in the project's settings.
    """
    what = _target(arguments, module, command)
    settings = {
        NAMES.get(k, k): v for k, v in project_settings(Path.cwd()).items() if k not in ("saved", "link")
    }
    known = {f.name for f in fields(ProfileOptions)} - NOT_SETTINGS
    unknown = sorted(set(settings) - known)
    if unknown:
        raise UsageError(
            f"[tool.throughput] in pyproject.toml has an unknown key {unknown[0]}.",
            hint=f"Known keys: {', '.join(sorted(known))}.",
        )
    try:
        msgspec.convert(_ready(settings), ProfileOptions)
    except (msgspec.ValidationError, TypeError) as error:
        raise UsageError(
            f"[tool.throughput] in pyproject.toml can't be used: {error}.", hint="Mend it there."
        ) from None
    return replace(what, **_ready(settings | {NAMES.get(k, k): v for k, v in given.items() if v is not None}))


def _ready(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those in their own form that may be written in several."""
    forms: dict[str, Callable[[Any], Any]] = {"collectors": _collectors, "warmup": str, "unit": _units}
    return {name: forms[name](value) if name in forms else value for name, value in chosen.items()}


def _target(arguments: list[str], module: str | None, command: bool) -> ProfileOptions:
    if command:
        return ProfileOptions(arguments=tuple(arguments))
    if module is not None:
        return ProfileOptions(module=module, arguments=tuple(arguments))
    if not arguments:
        raise UsageError("Nothing to profile.", hint="Example: throughput profile train.py --steps 200")
    return ProfileOptions(script=arguments[0], arguments=tuple(arguments[1:]))


def _collectors(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else list(value)
    wanted = [name.strip() for name in names if name.strip()]
    return tuple(dict.fromkeys((*ALWAYS, *(COLLECTORS if wanted == ["all"] else wanted))))


def _units(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def run_profile(options: ProfileOptions, output: Output) -> int:
    """Profile, print, open; return the exit code."""
    return exit_code(profile_and_print(options, output).run)


def profile_and_print(options: ProfileOptions, output: Output) -> Profiled:
    """Profile, print, open; return what was made."""
    live = LiveLines(quiet=output.quiet, script_to_stderr=output.as_json)
    try:
        seconds = seconds_of(output.budget) if output.budget else None
        price = price_of(output.price) if output.price else None
        listener = Listener(relay=live.relay, progress=live.show)
        done = profile(options, listener, budget_s=seconds, price=price)
    finally:
        live.close()
    if output.as_json:
        sys.stdout.buffer.write(report_to_json(done.analysis.report))
        sys.stdout.buffer.flush()
    if not output.quiet:
        shown = [legible(os.path.relpath(path)) for path in done.files]
        print_analysis(done.analysis, shown, to_stderr=output.as_json)
    if done.run.ended == "never_stepped":
        sys.stderr.write(f"throughput: {done.run.notes[0]}\n")
    if output.open_page:
        webbrowser.open((done.directory.path / "report.html").as_uri())
    return done


def run_demo(steps: int, out: str | None, workers: int, output: Output) -> int:
    """Profile the bundled slow script."""
    script = Path(__file__).parent.parent / "demo" / "train.py"
    arguments = ("--workers", str(workers), "--steps", str(steps * 3))
    return run_profile(ProfileOptions(script=str(script), arguments=arguments, steps=steps, out=out), output)
