"""Answer a what-if question about a saved run by replaying it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from throughput import units
from throughput.collect.run_directory import RunDirectory
from throughput.diagnose import reading
from throughput.diagnose.replay.ask import Question, answer
from throughput.diagnose.replay.predict import ERROR_MAX, Model, model_of
from throughput.errors import ThroughputError, UsageError
from throughput.flows.analyse import analyse
from throughput.model.finding import Facts, LoaderSettings
from throughput.model.report import ReplaySummary


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The step as measured and as it would be, ns, with the range that the replay's own error allows."""

    measured_ns: float
    replayed_ns: float
    error: float
    after_ns: float | None
    """None where nothing was asked."""
    wait_ns: float | None
    batch_scale: float
    table: ReplaySummary | None

    @property
    def speedup(self) -> tuple[float, float, float] | None:
        """Low, expected and high step time before / after."""
        if self.after_ns is None:
            return None
        ratio = self.replayed_ns / max(self.after_ns, 1.0)
        return ratio * (1 - self.error), ratio, ratio * (1 + self.error)


def whatif(
    run: Path,
    *,
    left: dict[str, float],
    settings: LoaderSettings | None,
    batch_size: int | None,
) -> WhatIf:
    """Return what the replay of a run says.

    Raises:
        UsageError: no run there, nothing in it to replay, or a name that is in no report of it.
        DamagedFile: a raw file that everything hangs on is damaged.
        ThroughputError: the replay misses the run itself, so that what it predicts is worth nothing.
    """
    analysis = analyse(RunDirectory(run))
    facts = analysis.facts[0] if analysis.facts else None
    model = model_of(facts) if facts else None
    if facts is None or model is None:
        raise UsageError(
            "This run has no raw files or too few steps to replay.", hint="Profile again with more steps."
        )
    if not model.is_trusted:
        raise ThroughputError(_why(model), hint="Profile more steps, on a quieter machine.")
    asked = bool(left or settings or batch_size)
    question = Question(left=left, settings=settings, batch_scale=_scale(facts, batch_size))
    try:
        after = answer(facts, model, question) if asked else None
    except KeyError as unknown:
        raise _unknown(facts, str(unknown.args[0])) from None
    scale = reading.mean_step_ns(facts) / model.now.step_ns
    return WhatIf(
        measured_ns=reading.mean_step_ns(facts),
        replayed_ns=model.now.step_ns * scale,
        error=model.error or 0.0,
        after_ns=None if after is None else after.step_ns * scale,
        wait_ns=None if after is None else after.wait_ns * scale,
        batch_scale=question.batch_scale,
        table=analysis.report.replay,
    )


def parts_left(without: Sequence[str], scale: Sequence[str]) -> dict[str, float]:
    """Return name -> part of its cost that stays, from --without NAME and --scale NAME=PART.

    Raises:
        UsageError: a part is no number from 0 on.
    """
    left = dict.fromkeys(without, 0.0)
    for text in scale:
        name, _, part = text.rpartition("=")
        try:
            left[name] = float(part)
        except ValueError:
            left[name] = -1.0
        if not name or not 0 <= left[name] < float("inf"):
            raise UsageError(f"--scale {text} is no NAME=PART.", hint="Example: --scale numpy.round=0.2")
    return left


def _why(model: Model) -> str:
    if model.error is None:
        return "There are too few clean steps to check a replay against."
    return (
        f"A replay of this run misses its own steps by {units.percent(model.error)} "
        f"(allowed: {units.percent(ERROR_MAX)}), so it predicts nothing."
    )


def _scale(facts: Facts, batch_size: int | None) -> float:
    if batch_size is None:
        return 1.0
    sizes = [loader.batch_size for loader in facts.timeline.loaders if loader.batch_size]
    seen = [step.samples for step in reading.clean_steps(facts) if step.samples]
    now = sizes[-1] if sizes else (sum(seen) / len(seen) if seen else None)
    if not now:
        raise UsageError("The batch size of this run is not known.", hint="Leave --batch-size out.")
    return batch_size / now


def _unknown(facts: Facts, name: str) -> UsageError:
    names = sorted({place.name for place in reading.places(facts)})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Use a name as the report's hotspots show it."
    return UsageError(f"No place of this run is called {name}.", hint=hint)
