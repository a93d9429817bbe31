"""Say in words what a report holds: places, times, predictions, the window, what was not measured."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput import units
from throughput.model.attribution import Hotspot, LockPlaces, SplitRow
from throughput.model.category import Category, State
from throughput.model.finding import Finding, Prediction
from throughput.model.report import Budget, Report, RunSummary, Throughput
from throughput.model.run import CollectorStatus, Window
from throughput.render import labels
from throughput.render.labels import plain

FEW_SAMPLES = 30  # under it a share's error is of the size of the share: show the range, not the value
NAME_LIMIT = 100  # characters; longer names are cut in the middle
PATH_LIMIT = 120
COMMAND_LIMIT = 300
END_LIMIT, END_LINES = 400, 4
MONEY_PARTS = 3
INTERPRETER = re.compile(r"(?:^|/)python[\d.]*$")
ABSOLUTE = re.compile(r"(?<![\w./:…~<>-])/(?!(?:dev|proc|sys)/)[^/\s\"',;:<>]+(?:/[^/\s\"',;:<>]+)+/?")
"""A path of two or more parts that begins at the root: no fraction, no address, no option's value `a/b`."""

ENDED = {
    "script_ended": "the script ended by itself before all steps were seen",
    "max_seconds": "--max-seconds ended it",
    "interrupted": "interrupted; this is what was measured until then",
    "crashed": "the script crashed; this is what was measured until then",
    "stalled": "the script stalled and was stopped",
    "never_stepped": "no step was seen",
    "unfinished": "throughput itself was ended; this is what was measured until then",
}
"""How a run ended, where it is worth a word."""


def has_device(split: Sequence[SplitRow]) -> bool:
    """Return whether the run used a device: copies to one are not applicable on a CPU run."""
    rows = [row for row in split if row.category is Category.HOST_TO_DEVICE]
    return any(row.state is not State.NOT_APPLICABLE for row in rows)


def speed(throughput: Throughput) -> tuple[float, str]:
    """Return the speed as people quote it: samples a second where batches were seen, else steps a second."""
    if throughput.samples_per_s is not None:
        return throughput.samples_per_s, "samples"
    return throughput.steps_per_s, "steps"


def place(file: str, line: int) -> str:
    """Return "file:line" in harmless characters; of an absolute path its last folders only."""
    shown = relative(file, PATH_LIMIT)
    return f"{shown}:{line}" if line > 0 else shown


def relative(text: str, limit: int = 0) -> str:
    """Return foreign text in harmless characters, with absolute paths cut to their last parts.

    Reports are attached to issues: a home folder in them says who and where; /dev, /proc and /sys do not.
    """
    return plain(ABSOLUTE.sub(_shortened, text), limit)


def command(run: RunSummary) -> str:
    """Return what was run, as one line; an interpreter before the script says nothing."""
    words = run.command[1:] if len(run.command) > 1 and INTERPRETER.search(run.command[0]) else run.command
    return relative(" ".join(words), COMMAND_LIMIT)


def name(hotspot: Hotspot) -> str:
    """Return the hotspot's name as the user writes it."""
    return plain(hotspot.name, NAME_LIMIT) or plain(hotspot.function, NAME_LIMIT) or "(unnamed)"


def caller(hotspot: Hotspot) -> str:
    """Return "Dataset.__getitem__ data.py:33", the own code that calls the hotspot, or ""."""
    if hotspot.caller is None:
        return ""
    at = place(hotspot.caller.file, hotspot.caller.line)
    return f"{plain(hotspot.caller.function, NAME_LIMIT)} {at}"


def is_own(hotspot: Hotspot) -> bool:
    """Return whether a hotspot is the user's code: library code is named as it is called, "numpy.round"."""
    return hotspot.caller is None or hotspot.name == hotspot.function


def called(hotspot: Hotspot) -> str:
    """Return "numpy.round, called at data.py:33", or "augment at data.py:33" for the user's own code."""
    if hotspot.caller is not None and not is_own(hotspot):
        return f"{name(hotspot)}, called at {place(hotspot.caller.file, hotspot.caller.line)}"
    return f"{name(hotspot)} at {place(hotspot.file, hotspot.line)}"


def spot_places(hotspot: Hotspot) -> tuple[str, ...]:
    """Return where to look, the user's line first: the caller of library code, or own code itself."""
    at = place(hotspot.file, hotspot.line)
    above = f"called by {caller(hotspot)}" if hotspot.caller is not None else ""
    if is_own(hotspot):
        return tuple(part for part in (at, where_it_runs(hotspot), above) if part)
    return above, where_it_runs(hotspot), f"{at} {plain(hotspot.function, NAME_LIMIT)}"


def where_it_runs(hotspot: Hotspot) -> str:
    """Return the process and thread: "in DataLoader workers", "training thread", or "thread <name>"."""
    if "worker" in hotspot.process.lower():
        return "in DataLoader workers"
    if hotspot.thread.lower() in ("", "main", "mainthread", "main thread", "training", "training thread"):
        return "training thread"
    return f"thread {plain(hotspot.thread, 40)}"


def hotspot_time(hotspot: Hotspot) -> tuple[str, str]:
    """Return a hotspot's time a step and its uncertainty; few samples give a range in place of a value."""
    if hotspot.share <= 0:
        return units.duration(hotspot.ns_per_step), ""
    step_ns = hotspot.ns_per_step / hotspot.share
    if 0 < hotspot.samples < FEW_SAMPLES:
        return units.duration_range(hotspot.low * step_ns, hotspot.high * step_ns), "few samples"
    half = (hotspot.high - hotspot.low) / 2 * step_ns
    return units.duration(hotspot.ns_per_step, half), units.plus_minus_duration(hotspot.ns_per_step, half)


def hotspot_share(hotspot: Hotspot) -> tuple[str, str]:
    """Return a hotspot's share of a step and its uncertainty in points."""
    half = (hotspot.high - hotspot.low) / 2
    return units.percent(hotspot.share, half), units.plus_minus(hotspot.low, hotspot.high)


def row_share(row: SplitRow) -> tuple[str, str]:
    """Return a category's share and its uncertainty in points; without a figure, why there is none."""
    if row.share is None:
        return labels.state_reason(row), ""
    half = None if row.low is None or row.high is None else (row.high - row.low) / 2
    return units.percent(row.share, half), units.plus_minus(row.low, row.high)


def row_time(row: SplitRow) -> str:
    """Return a category's time a step, with the digits that its interval allows."""
    if row.ns_per_step is None or not row.share or row.low is None or row.high is None:
        return units.duration(row.ns_per_step)
    return units.duration(row.ns_per_step, (row.high - row.low) / 2 * row.ns_per_step / row.share)


def step_time(throughput: Throughput) -> tuple[str, str]:
    """Return the mean step time and its uncertainty: "160 ms", "± 3"."""
    times = throughput.step_ns
    half = (times.high - times.low) / 2
    return units.duration(times.mean, half), units.plus_minus_duration(times.mean, half)


def gain(prediction: Prediction | None) -> str:
    """Return what a fix buys: "at most 1.8x" for a bound, else the value with range and basis; "" unknown."""
    if prediction is None:
        return ""
    if prediction.basis == "bound":
        return f"at most {units.ratio(prediction.high)}"
    span = f"{units.ratio(prediction.low)} to {units.ratio(prediction.high)}"
    basis = {"replay": "predicted by replay", "experiment": "measured"}.get(
        prediction.basis, plain(prediction.basis)
    )
    return f"{units.ratio(prediction.speedup)} ({span}, {basis})"


def terms(prediction: Prediction | None, limit: int, *, has_device: bool) -> str:
    """Return what a prediction assumes, and what then takes most of a step; "" where there is none."""
    if prediction is None:
        return ""
    words = plain(prediction.assumes, limit)
    if prediction.next_category is None or prediction.next_share is None:
        return words
    name = labels.label(prediction.next_category, has_device=has_device)
    then = f"then the largest part of a step is {name}, {units.percent(prediction.next_share)}"
    return f"{words}; {then}" if words else then


def finding_place(finding: Finding) -> str:
    """Return where a finding points, "function file:line", or ""."""
    if finding.where is None:
        return ""
    function = plain(finding.where.function, NAME_LIMIT)
    return f"{function} {place(finding.where.file, finding.where.line)}".strip()


def lock(places: LockPlaces) -> tuple[str, ...]:
    """Return a lock in words, each of its known places as a part of a sentence."""
    parts = [f"{plain(places.kind, 40)} {plain(places.name, NAME_LIMIT)}"]
    for words, at in (
        ("made at", places.made_at),
        ("held at", places.held_at),
        ("waited for at", places.waited_at),
    ):
        if at:
            parts.append(f"{words} {plain(at, PATH_LIMIT)}")
    return tuple(parts)


def window(value: Window) -> str:
    """Return what became of the steps: asked for, kept, clean, warm-up, dropped."""
    text = f"{value.kept:,} of {units.plural(value.asked, 'step')} asked for, {value.clean:,} clean"
    rest = [f"{value.warmup:,} warm-up"] if value.warmup else []
    rest += [f"{value.dropped:,} dropped"] if value.dropped else []
    return f"{text}; {' and '.join(rest)} on top" if rest else text


def ended(run: RunSummary) -> str:
    """Return how the run ended where that is worth a sentence, with the script's exit code; else ""."""
    text = ENDED.get(run.ended, "")
    if run.script_exit_code:
        text = f"{text or 'the script ended'} (exit code {run.script_exit_code})"
    return text[:1].upper() + text[1:]


def end(report: Report) -> tuple[str, ...]:
    """Return a stall, or an end that was not ours: what it was, then what shows it; else nothing."""
    if report.stall is not None:
        sentence = report.stall.sentence
        chain = [
            f"{one.process}, {one.thread}: {one.function} {one.file}:{one.line}"
            + (f" holds {one.lock}" if one.lock else "")
            for one in report.stall.waits_for[:END_LINES]
        ]
        lines = (f"{sentence[:1].upper()}{sentence[1:]}.", *chain)
        return tuple(relative(line, END_LIMIT) for line in lines)
    if report.end is None:
        return ()
    lines = (report.end.sentence, *report.end.evidence[:END_LINES])
    return tuple(relative(line, END_LIMIT) for line in lines)


def not_measured(split: Sequence[SplitRow], *, device: bool) -> tuple[str, ...]:
    """Return each category that has no full figure, with the reason."""
    return tuple(
        f"{labels.label(row.category, has_device=device)}: {labels.state_reason(row)}"
        for row in split
        if labels.state_reason(row)
    )


def collector(status: CollectorStatus) -> str:
    """Return a collector's state in a line: "py-spy: unavailable, ptrace is refused. Try ..."."""
    return f"{plain(status.name, 40)}: {collector_state(status)}"


def collector_state(status: CollectorStatus) -> str:
    """Return a collector's state, what it costs, why it failed and what would change that."""
    reason = f", {relative(status.reason)}" if status.reason else ""
    remedy = f"{'' if reason.endswith('.') else '.'} {plain(status.remedy)}" if status.remedy else ""
    slow = ""
    if status.overhead_ratio is not None:
        slow = f", its steps take {units.ratio(status.overhead_ratio)} the plain time"
    return f"{plain(status.state, 40)}{slow}{reason}{remedy}"


def notes(report: Report) -> tuple[str, ...]:
    """Return what a reader must know beside the figures: the run's end, collectors that failed, the notes."""
    failed = [collector(c) for c in report.run.collectors if c.state in ("unavailable", "failed", "partial")]
    broken = [r.rule for r in report.rules if r.state == "error"]
    lines = [ended(report.run), *failed, *(relative(note) for note in report.notes)]
    if broken:
        lines.append(f"Rules that failed and were left out: {', '.join(plain(rule, 60) for rule in broken)}")
    return tuple(dict.fromkeys(line for line in lines if line))


def no_findings(report: Report) -> str:
    """Return what the absence of findings means: nothing worth fixing, or nothing was checked."""
    checked = [rule for rule in report.rules if rule.state in ("quiet", "fired")]
    absent = [rule for rule in report.rules if rule.state == "not_applicable"]
    if not checked:
        return "No rule could be checked on this run." if report.rules else "No rules were run."
    more = f" {units.plural(len(absent), 'rule')} did not apply to this run." if absent else ""
    return f"Nothing worth fixing: {units.plural(len(checked), 'rule')} looked and found nothing.{more}"


def budget(value: Budget) -> str:
    """Return what fits into the budget now and after the top fix."""
    parts = []
    for now, after, noun in (
        (value.epochs_now, value.epochs_after, "epochs"),
        (value.samples_now, value.samples_after, "samples"),
        (value.steps_now, value.steps_after, "steps"),
    ):
        if now is None:
            continue
        then = "" if after is None else f" (at most {units.count(_whole(after))} after the first fix)"
        parts.append(f"{units.count(_whole(now))} {noun}{then}")
    less = []
    if value.once_s:
        less.append(f"{units.duration(value.once_s * 1e9)} of start-up")
    if value.recurring_s:
        less.append(f"{units.duration(value.recurring_s * 1e9)} of evaluations, checkpoints and epoch ends")
    rest = f", less {' and '.join(less)}" if less else ""
    return f"In {units.duration(value.seconds * 1e9)}{rest}: {', '.join(parts)}"


def money(report: Report) -> str:
    """Return what an epoch, or so many steps, cost, and the largest parts of it; empty without a price."""
    value = report.money
    if value is None:
        return ""
    currency = plain(value.currency, 3)
    what = f"an epoch of {value.steps:,} steps" if value.is_epoch else f"{value.steps:,} steps"
    device = has_device(report.split)
    parts = sorted(value.categories, key=lambda part: -part.amount)[:MONEY_PARTS]
    told = [
        f"{labels.label(part.category, has_device=device)} {units.money(part.amount, currency)}"
        for part in parts
        if part.amount > 0
    ]
    whole, hour = units.money(value.amount, currency), units.money(value.per_hour, currency)
    return f"{whole} for {what} at {hour} an hour{': ' if told else ''}{', '.join(told)}"


def _shortened(match: re.Match[str]) -> str:
    parts = match.group().strip("/").split("/")
    return "/".join(["…", *parts[-min(3, max(1, len(parts) - 2)) :]])


def _whole(value: float) -> float:
    return float(int(value)) if value >= 100 else value
