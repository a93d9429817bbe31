"""Write a copy of a run to show to strangers: no machine, user, folder, argument or line of code."""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from throughput.collect.redact import Redaction, redact, redact_text, redaction_for
from throughput.collect.run_directory import RunDirectory, write_whole
from throughput.errors import UsageError
from throughput.flows.against import saved_analysis
from throughput.flows.render import FORMATS, render_format
from throughput.model.attribution import Hotspot
from throughput.model.finding import Facts
from throughput.model.report import Analysis, Report
from throughput.model.timeline import Stacks
from throughput.render.json_report import report_from_json, report_to_json

ARGUMENTS = "<arguments>"
ENVIRONMENT = ("env", "python", "cwd")
"""Of the environment: variables and folders, which say whose machine it is."""
REDACTED = (
    "tracks", "loaders", "calls", "counters", "lock_waits", "long_waits", "spans", "facts", "notes",
)  # fmt: skip
"""Of a timeline: what holds text beside stacks and sources."""
Value = TypeVar("Value")


def write_redacted(run: Path, out: Path) -> tuple[Path, ...]:
    """Write run.json and every format that the run has into a new folder, redacted; return the files.

    The code's own lines are left out, function and file names (relative to the script) stay; so does the
    script's name, without its arguments. Raw files are not copied.

    Raises:
        UsageError: no run there, or the folder can't be written or holds something.
        DamagedFile: the run can't be read.
    """
    analysis = saved_analysis(run)
    documents = [json.loads(report_to_json(analysis.report))]
    folder = run if run.is_dir() else run.parent
    if (folder / "run.json").is_file():
        RunDirectory(folder).read_run()
        documents.insert(0, json.loads((folder / "run.json").read_text("utf-8")))
    redaction = redaction_for(documents[0], *documents[1:], names=people())
    shown = redacted_analysis(analysis, redaction)
    _make(out)
    written = []
    for format_, name in FORMATS.items():
        try:
            data, _ = render_format(shown, format_)
        except UsageError:  # the run lacks what this format is made from
            continue
        write_whole(out / name, data)
        written.append(out / name)
    if len(documents) > 1:
        write_whole(out / "run.json", json.dumps(_run(documents[0], redaction), indent=1).encode() + b"\n")
        written.append(out / "run.json")
    return tuple(written)


def redacted_analysis(analysis: Analysis, redaction: Redaction, *, keeps_source: bool = False) -> Analysis:
    """Return an analysis without names of machines, people and folders, arguments and lines of code."""
    document = redact(json.loads(report_to_json(analysis.report)), redaction)
    report = report_from_json(json.dumps(document).encode())
    if not keeps_source:
        report = _without_source(report)
    return Analysis(report=report, facts=tuple(_facts(facts, redaction) for facts in analysis.facts))


def people() -> list[str]:
    """Return the login name, where there is one."""
    try:
        return [getpass.getuser()]
    except (KeyError, OSError):
        return [os.environ[name] for name in ("LOGNAME", "USER") if os.environ.get(name)]


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        filled = any(out.iterdir())
    except OSError as error:
        raise UsageError(
            f"{out} can't be written: {error.strerror}.", hint="Choose another --out."
        ) from error
    if filled:
        raise UsageError(f"{out} is not empty.", hint="Choose another --out, or remove it.")


def _without_source(report: Report) -> Report:
    spots = tuple(replace(spot, source=()) for spot in report.hotspots)
    environment = {key: value for key, value in report.run.environment.items() if key not in ENVIRONMENT}
    run = replace(report.run, command=_command(report.run.command), environment=environment)
    # An exception's message may say anything.
    end = report.end and replace(report.end, sentence=report.end.sentence.partition(":")[0], evidence=())
    return replace(report, hotspots=spots, run=run, end=end)


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what was run without its arguments: everything up to the script or module."""
    for place, word in enumerate(words):
        is_module = place > 0 and words[place - 1] == "-m"
        if is_module or word.endswith(".py"):
            rest = (ARGUMENTS,) if len(words) > place + 1 else ()
            return (*words[: place + 1], *rest)
    return (*words[:1], ARGUMENTS) if len(words) > 1 else words


def _run(document: dict[str, Any], redaction: Redaction) -> dict[str, Any]:
    """Return run.json without what says whose run it was; hashes of the code are names of it too."""
    shown: dict[str, Any] = redact(document, redaction)
    shown["command"] = list(_command(tuple(shown.get("command") or ())))
    shown["code"] = {"commit": None, "dirty": None, "diff": None}
    shown["environment"] = {
        key: value for key, value in (shown.get("environment") or {}).items() if key not in ENVIRONMENT
    }
    if isinstance(shown.get("end"), dict):
        sentence = str(shown["end"].get("sentence") or "")
        shown["end"] = {**shown["end"], "sentence": sentence.partition(":")[0], "evidence": []}
    options = shown.get("options")
    if isinstance(options, dict) and options.get("arguments"):
        options["arguments"] = [ARGUMENTS]
    return shown


def _facts(facts: Facts, redaction: Redaction) -> Facts:
    attribution = facts.attribution
    hidden = replace(
        attribution,
        hotspots=tuple(_hidden(spot) for spot in attribution.hotspots),
        functions=(),
        flames=replace(attribution.flames, stacks=_stacks(attribution.flames.stacks, redaction)),
    )
    timeline = replace(facts.timeline, stacks=_stacks(facts.timeline.stacks, redaction), sources={})
    return replace(
        facts,
        timeline=replace(
            timeline,
            **{name: deep_redacted(getattr(timeline, name), redaction) for name in REDACTED},
        ),
        attribution=hidden,
    )


def _hidden(spot: Hotspot) -> Hotspot:
    return replace(spot, source=())


def _stacks(stacks: Stacks, redaction: Redaction) -> Stacks:
    return replace(stacks, frames=tuple(deep_redacted(frame, redaction) for frame in stacks.frames))


def deep_redacted(value: Value, redaction: Redaction) -> Value:
    """Return a copy of a frozen value in which every text is redacted; columns of numbers stay."""
    return _deep(value, redaction)  # type: ignore[no-any-return]


def _deep(value: Any, redaction: Redaction) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return redact_text(value, redaction)
    if isinstance(value, tuple):
        return tuple(_deep(inner, redaction) for inner in value)
    if isinstance(value, dict):
        return {_deep(key, redaction): _deep(inner, redaction) for key, inner in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        texts = {
            field.name: _deep(inner, redaction)
            for field in fields(value)
            if isinstance(inner := getattr(value, field.name), (str, tuple, dict))
        }
        return replace(value, **texts)
    return value
