"""Read a run's experiments, and let what they measured stand for what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from throughput import units
from throughput.errors import DamagedFile
from throughput.model.experiment import EXPERIMENTS_SCHEMA, Experiment, Experiments
from throughput.model.finding import Finding, LoaderSettings, Prediction

FILE = "experiments.json"
LARGEST = 10_000_000
"""A larger file is nobody's honest list of experiments."""
ARGUMENTS = ("num_workers", "prefetch_factor", "in_order", "persistent_workers")
KNOBS: dict[str, dict[str, int | bool]] = {
    "layout-transposes": {"channels_last": True},
    "tensor-cores-unused": {"bf16": True},
}
"""What `try --knobs` changes where a rule's fix is no setting of the loader."""


def read_experiments(run: Path) -> tuple[Experiment, ...]:
    """Return the experiments that were made for a run; none where there is no file.

    Raises:
        DamagedFile: the file is damaged, or of a newer schema.
    """
    file = run / FILE
    if not file.is_file() or file.is_symlink():
        return ()
    hint = "Remove it, and try again."
    if file.stat().st_size > LARGEST:
        raise DamagedFile(f"{FILE} is too large.", hint=hint)
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Experiments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"{FILE} is damaged: {error}.", hint=hint) from None
    if found.schema > EXPERIMENTS_SCHEMA:
        raise DamagedFile(f"{FILE} was written by a newer throughput.", hint="Upgrade throughput.")
    return found.experiments


def arguments_of(settings: LoaderSettings) -> dict[str, int | bool]:
    """Return a DataLoader's arguments that the settings change, by name."""
    values = {name: getattr(settings, name) for name in ARGUMENTS}
    return {name: value for name, value in values.items() if value is not None}


def with_experiments(found: Sequence[Finding], experiments: Sequence[Experiment]) -> tuple[Finding, ...]:
    """Return the findings, those whose settings were tried with what that measured."""
    return tuple(_measured(finding, experiments) for finding in found)


def notes_of(experiments: Sequence[Experiment], found: Sequence[Finding]) -> tuple[str, ...]:
    """Return a sentence for each experiment that stands in no finding."""
    used = [_wanted(finding) for finding in found]
    return tuple(
        f"Tried: {one.name}: {units.ratio(one.speedup)} ({units.ratio(one.low)} to {units.ratio(one.high)}), "
        f"measured {_how(one)}."
        for one in experiments
        if one.knobs not in used
    )


def _how(one: Experiment) -> str:
    return f"{one.form}, {units.plural(one.pairs, 'pair')} of processes"


def _wanted(finding: Finding) -> dict[str, int | bool]:
    """Return the settings that a finding's fix changes; none where it is no setting."""
    return arguments_of(finding.sets) if finding.sets is not None else KNOBS.get(finding.rule, {})


def _measured(finding: Finding, experiments: Sequence[Experiment]) -> Finding:
    wanted = _wanted(finding)
    one = next((x for x in experiments if x.knobs == wanted), None)
    if not wanted or one is None:
        return finding
    prediction = Prediction(
        speedup=one.speedup,
        low=one.low,
        high=one.high,
        basis="experiment",
        assumes=f"{one.name}, measured {_how(one)}",
    )
    return replace(finding, prediction=prediction)
