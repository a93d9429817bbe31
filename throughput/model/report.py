"""Describe `report.json`: the contract that every reader of ours and of others relies on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from throughput.model.attribution import DeviceSplit, Hotspot, LoaderSummary, LockSummary, SplitRow
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, RuleResult
from throughput.model.ledger import LedgerRow
from throughput.model.memory import Memory
from throughput.model.run import CollectorStatus, End, Window
from throughput.model.stall import Stall
from throughput.model.work import Mfu, ModuleRow, RegionRow

REPORT_SCHEMA = 1
"""New optional fields don't raise it; a reader refuses a newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Wall time of the clean steps, ns; `low` and `high` are of the mean."""

    median: float
    p95: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Speed of the clean steps; `low` and `high` are of steps_per_s."""

    steps_per_s: float
    low: float
    high: float
    samples_per_s: float | None
    step_ns: StepTime
    tokens_per_s: float | None = None
    useful_tokens_per_s: float | None = None
    """Without padding."""
    padding_share: float | None = None
    flops_per_step: float | None = None
    flops_coverage: float | None = None
    """Part of the operators' time that belongs to operators whose FLOPs are known."""
    tflops: float | None = None
    """TFLOP/s."""
    mfu: Mfu | None = None
    mfu_missing: str | None = None
    """Why there is no `mfu` where FLOPs were counted."""
    watts: float | None = None
    """Mean power of the GPUs that the run used, of its machine, by NVML's energy counter."""
    joules_per_step: float | None = None
    joules_per_sample: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What was run, as the report repeats it from `run.json`."""

    run_id: str
    tool_version: str
    command: tuple[str, ...]
    started_at: str
    window: Window
    environment: dict[str, Any]
    script_exit_code: int | None
    collectors: tuple[CollectorStatus, ...]
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRow:
    """One rank beside the others."""

    rank: int
    host: str
    split: tuple[SplitRow, ...]
    throughput: Throughput | None
    imposed_ns_per_step: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The verdict, with up to three lines of evidence; `kind`: bottleneck, balanced, good, weak or none."""

    kind: str
    sentence: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What fits into a span of time, now and after the top fix."""

    seconds: float
    steps_now: float
    steps_after: float | None
    samples_now: float | None
    samples_after: float | None
    epochs_now: float | None
    epochs_after: float | None
    once_s: float | None = None
    """Of this time, what is paid once: start-up, compiling, the end."""
    recurring_s: float | None = None
    """Of this time, what evaluations, checkpoints and epoch ends take now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryMoney:
    """What a category of the step takes of the money for `Money.steps` steps."""

    category: Category
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What training costs at a price for an hour of all that the run occupies."""

    per_hour: float
    currency: str
    """As it was written; may be empty."""
    steps: int
    """An epoch's where its length is known, else 1,000."""
    is_epoch: bool
    amount: float
    """For these steps, evaluations, checkpoints and epoch ends among them included; start-up is not."""
    categories: tuple[CategoryMoney, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """The speed that a replay gives for one setting of the loader."""

    num_workers: int
    prefetch_factor: int | None
    steps_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySummary:
    """How well a replay of the run meets the run, and what it says of the loader's settings."""

    step_ns: float
    error: float | None
    """Of a replay fitted on one half of the clean steps, on the other half; None where there were too few."""
    settings: tuple[ReplayRow, ...] = ()
    best: ReplayRow | None = None
    """The fewest workers that are as good as any, within 2 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a renderer shows; null where not measured."""

    schema: int = REPORT_SCHEMA
    headline: Headline
    run: RunSummary
    throughput: Throughput | None
    split: tuple[SplitRow, ...]
    hotspots: tuple[Hotspot, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleResult, ...] = ()
    """Every rule's answer, without the finding (that is in `findings`)."""
    ranks: tuple[RankRow, ...] = ()
    memory: Memory | None = None
    ledger: tuple[LedgerRow, ...] | None = None
    """Of the first rank's process, from its start to its end: sums to its wall time."""
    goodput: float | None = None
    """Time in steps after the warm-up, of that wall time."""
    startup_s: float | None = None
    first_batch_s: float | None = None
    locks: tuple[LockSummary, ...] | None = None
    loader: LoaderSummary | None = None
    budget: Budget | None = None
    money: Money | None = None
    replay: ReplaySummary | None = None
    devices: tuple[DeviceSplit, ...] = ()
    """Of a trace: every device of every rank."""
    stragglers: tuple[int, ...] = ()
    """Ranks for which the others wait, at least 5 % of a step, the costliest first."""
    modules: tuple[ModuleRow, ...] | None = None
    """Time and FLOPs of each module of the model, without those inside it; null where not measured."""
    regions: tuple[RegionRow, ...] | None = None
    """Of the script's own ranges, without the ranges inside each; they sum to the step. Null: it has none."""
    notes: tuple[str, ...] = ()
    end: End | None = None
    """An end of the script that was not ours."""
    stall: Stall | None = None
    """Why nothing moved any more, where the run hung."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a renderer gets: the report, and the facts of each rank behind it (empty for a saved report)."""

    report: Report
    facts: tuple[Facts, ...] = field(default=())
