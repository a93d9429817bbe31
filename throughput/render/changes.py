"""Say in words what differs from a baseline: the sentence, the rows, and what else is not the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from throughput import units
from throughput.model.category import Category
from throughput.model.report import Report, RunSummary
from throughput.render import labels, wording
from throughput.render.against import Against, Change, batch_size
from throughput.render.labels import plain

NAME_LIMIT = 60
FACT_LIMIT = 80  # of a command or a processor's name, so that two stand in a sentence
SAME_BATCH = 0.01
"""Means of one batch size agree to a percent; more is worth a word."""
MOST_OF_IT = 0.5  # of the step's difference: under it no category is named alone
OF_THE_STEPS = (
    "“Within noise” is where the 95\u00a0% intervals of the two runs overlap. They are of the steps inside "
    "each run: two runs of one script can differ by more."
)
OF_PROCESSES = (
    "“Within noise” is where the 95\u00a0% intervals overlap: of this run's steps, and of the saved "
    "benchmark's {}. A check (throughput check --against) tells a change from chance."
)
FACTS = (
    ("PyTorch", "torch_version"),
    ("Python", "python_version"),
    ("CPU", "cpu_model"),
    ("Usable CPUs", "cpus"),
    ("GPU driver", "gpu_driver"),
)
"""What of the environment bears on speed without making two runs incomparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A time a step in both runs, in words; `place` is "" for a category, `key` "" for the step."""

    key: str
    name: str
    place: str
    then: str
    now: str
    difference: str
    remark: str
    """new, gone, within noise, or ""."""
    noise: bool
    ns: float
    """The difference; 0 where there is none."""


def baseline_name(against: Against) -> str:
    """Return the baseline's run id in harmless characters."""
    return plain(against.then.run.run_id, NAME_LIMIT) or "baseline"


def noise(against: Against) -> str:
    """Return what "within noise" means here."""
    if not against.processes:
        return OF_THE_STEPS
    many = against.processes > 1
    return OF_PROCESSES.format(units.plural(against.processes, "process") if many else "one process")


def sentence(against: Against) -> str:
    """Return how step time differs: "A step takes 61 % longer than in the baseline (160 ms, was 99 ms)"."""
    step = against.step
    times = f"({_time(step, now=True)}, was {_time(step, now=False)})"
    if step.within_noise or not step.difference_ns or step.then is None or step.now is None:
        return f"A step takes as long as in the baseline, within noise {times}"
    if step.then.ns <= 0:
        return f"A step takes longer than in the baseline {times}"
    ratio = step.difference_ns / step.then.ns
    much = units.percent(abs(ratio))
    words = f"{much} longer" if ratio > 0 else f"{much} less time"
    return f"A step takes {words} than in the baseline {times}{_most(against, step.difference_ns)}"


def step_row(against: Against) -> Row:
    """Return the row of the whole step."""
    return _row("", "Step", "", against.step)


def category_rows(against: Against) -> tuple[Row, ...]:
    """Return a row for each category that either run measured above zero."""
    device = wording.has_device(against.now.split)
    return tuple(
        _row(labels.colour(row.category), _label(row.category, device=device), "", row.change)
        for row in against.categories
    )


def spot_rows(against: Against) -> tuple[Row, ...]:
    """Return a row for each place that either run lists, largest difference first."""
    return tuple(
        _row(
            labels.colour(row.spot.category),
            wording.name(row.spot),
            f"{wording.place(row.spot.file, 0)}, {wording.where_it_runs(row.spot)}",
            row.change,
            row.kind,
        )
        for row in against.spots
    )


def no_spots(against: Against) -> str:
    """Return why no places are compared; "" where they are."""
    if against.has_spots:
        return ""
    which = "The baseline" if against.now.hotspots else "This run"
    return f"{which} lists no hotspots, so places are not compared."


def differences(against: Against) -> tuple[str, ...]:
    """Return what else is not the same in the two runs, each as a sentence without its full stop."""
    now, then = against.now, against.then
    pairs = [
        ("Command", wording.command(now.run), wording.command(then.run)),
        ("throughput", now.run.tool_version, then.run.tool_version),
        *((title, _fact(now.run, key), _fact(then.run, key)) for title, key in FACTS),
        ("Loader workers", _workers(now), _workers(then)),
        ("Collectors at work", _collectors(now.run), _collectors(then.run)),
    ]
    found = [
        f"{title}: {plain(one, FACT_LIMIT)} here, {plain(other, FACT_LIMIT)} in the baseline"
        for title, one, other in pairs
        if one != other and one and other
    ]
    hosts = {_fact(now.run, "hostname"), _fact(then.run, "hostname")} - {""}
    return (*found, *(["The runs are of two machines"] if len(hosts) > 1 else []), *_batches(now, then))


def _batches(now: Report, then: Report) -> tuple[str, ...]:
    one, other = batch_size(now), batch_size(then)
    if not one or not other:
        return ("Batch sizes were not compared: that of at least one run isn't known",)
    if abs(one / other - 1) <= SAME_BATCH:
        return ()
    return (f"Mean batch: {one:.4g} samples here, {other:.4g} in the baseline",)


def _most(against: Against, difference_ns: float) -> str:
    """Return ", most of it data loading" where one category has moved by most of the step's difference."""
    rows = [
        row
        for row in against.categories
        if row.change.difference_ns is not None and not row.change.within_noise
    ]
    moved = max(rows, key=lambda row: (row.change.difference_ns or 0.0) / difference_ns, default=None)
    if moved is None or (moved.change.difference_ns or 0.0) / difference_ns < MOST_OF_IT:
        return ""
    name = _label(moved.category, device=wording.has_device(against.now.split))
    return f", most of it {name if name[:3] in ('CPU', 'GPU') else name[0].lower() + name[1:]}"


def _row(key: str, name: str, place: str, change: Change, kind: str = "changed") -> Row:
    absent = "–" if kind in ("new", "gone") else units.NOT_MEASURED
    known = change.difference_ns is not None
    remark = kind if kind != "changed" else ""
    return Row(
        key=key,
        name=name,
        place=place,
        then=_time(change, now=False) if change.then else absent,
        now=_time(change, now=True) if change.now else absent,
        difference=units.difference(change.difference_ns, change.half_ns) if known else "–",
        remark="within noise" if change.within_noise else remark,
        noise=bool(change.within_noise),
        ns=change.difference_ns or 0.0,
    )


def _time(change: Change, *, now: bool) -> str:
    time = change.now if now else change.then
    return units.NOT_MEASURED if time is None else units.duration(time.ns, time.half_ns)


def _label(category: Category, *, device: bool) -> str:
    return labels.label(category, has_device=device)


def _fact(run: RunSummary, key: str) -> str:
    value = run.environment.get(key)
    return "" if value is None else str(value)


def _workers(report: Report) -> str:
    return "" if report.loader is None else str(report.loader.num_workers)


def _collectors(run: RunSummary) -> str:
    names: Sequence[str] = sorted(c.name for c in run.collectors if c.state in ("ok", "partial"))
    return ", ".join(names)
