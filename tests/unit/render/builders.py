"""Reports made by hand, and hostile strings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from throughput.model.attribution import (
    Hotspot,
    LoaderSummary,
    LockPlaces,
    LockSummary,
    Place,
    ReadSummary,
    SourceLine,
    SplitRow,
)
from throughput.model.category import CATEGORIES, Category, Source, State
from throughput.model.finding import Finding, Prediction, RuleResult
from throughput.model.report import Headline, Report, RunSummary, StepTime, Throughput
from throughput.model.run import CollectorStatus, Window
from throughput.render import view

HOSTILE = (
    "</script><script>window.__pwned=1</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "[bold red]markup[/]",
    "\u202egnp.exe",
    "two\nlines\ttab\r",
    "bytes\udc80\udcff",
    "a" * 3000,
    "| pipe ` tick **bold** [link](javascript:alert(1))",
    "漢字" * 40,
    "",
)
STEP_NS = 160e6


def row(category: Category, share: float | None, half: float = 0.01, **changes: Any) -> SplitRow:
    """Return a row of the split at 160 ms a step."""
    made = SplitRow(
        category=category,
        share=share,
        low=None if share is None else max(0.0, share - half),
        high=None if share is None else min(1.0, share + half),
        ns_per_step=None if share is None else share * STEP_NS,
        source=Source.TIMER if share is not None else Source.NONE,
        state=State.MEASURED if share is not None else State.NOT_MEASURED,
    )
    return replace(made, **changes)


def cpu_split(**shares: float) -> tuple[SplitRow, ...]:
    """Return a whole split of a CPU run: the categories named have these shares, the others measured zero."""
    none = row(
        Category.HOST_TO_DEVICE, None, state=State.NOT_APPLICABLE, reason="no device", source=Source.NONE
    )
    rows = [none if c is Category.HOST_TO_DEVICE else row(c, shares.get(c.value, 0.0)) for c in CATEGORIES]
    return tuple(rows)


def gpu_split(**shares: float) -> tuple[SplitRow, ...]:
    """Return a whole split of a run on a GPU with device intervals."""
    device = (Category.COMPUTE, Category.HOST_TO_DEVICE, Category.COMMUNICATION, Category.OTHER_MEMORY)
    return tuple(
        row(c, shares.get(c.value, 0.0), source=Source.DEVICE if c in device else Source.TIMER)
        for c in CATEGORIES
    )


def speed(samples: float | None = 1597.0) -> Throughput:
    """Return the speed of steps of 160 ms."""
    times = StepTime(median=155e6, p95=308e6, mean=STEP_NS, low=157e6, high=163e6)
    return Throughput(steps_per_s=6.25, low=6.13, high=6.37, samples_per_s=samples, step_ns=times)


def hotspot(rank: int = 1, **changes: Any) -> Hotspot:
    """Return numpy.round, called by the data set, in forked workers."""
    made = Hotspot(
        rank=rank,
        name="numpy.round",
        file="numpy/_core/fromnumeric.py",
        line=3713,
        function="round",
        caller=Place(function="Elastic.__call__", file="data/augment.py", line=48),
        process="DataLoader workers",
        thread="MainThread",
        ranks=(0,),
        category=Category.DATA_LOADING,
        ns_per_step=50e6,
        share=50 / 160,
        low=0.30,
        high=0.325,
        samples=4000,
        calls_per_step=32.0,
        source=(
            SourceLine(line=46, text="    def __call__(self, img):", share=None),
            SourceLine(line=47, text="        img = img * 255", share=0.02),
            SourceLine(line=48, text="        return np.round(img, 3)", share=0.3),
        ),
    )
    return replace(made, **changes)


def lock_hotspot(rank: int = 2) -> Hotspot:
    """Return a lock that a logging thread holds while the training thread waits."""
    places = LockPlaces(
        name="self._lock",
        kind="Lock",
        made_at="stats.py:12",
        held_at="stats.py:40",
        waited_at="train.py:88",
    )
    return hotspot(
        rank,
        name="Stats.flush",
        file="stats.py",
        line=40,
        function="Stats.flush",
        caller=None,
        process="training process",
        thread="stats-writer",
        category=Category.LOCK_CONTENTION,
        ns_per_step=10e6,
        share=10 / 160,
        low=0.04,
        high=0.085,
        samples=300,
        lock=places,
        source=(),
    )


def finding(rank: int = 0, **changes: Any) -> Finding:
    """Return a slow transform with a bound on what its fix buys."""
    made = Finding(
        rule="slow-transform",
        title="A transform takes most of the time of a batch",
        category=Category.DATA_LOADING,
        where=Place(function="Elastic.__call__", file="data/augment.py", line=48),
        evidence=("numpy.round takes 50 ms of a step", "the workers are busy 99 % of the time"),
        fix="Round once when the data set is made:\n    images = np.round(images, 3)",
        saves_ns_per_step=50e6,
        prediction=Prediction(speedup=1.45, low=1.0, high=1.45, assumes="nothing else becomes the limit"),
        rank=rank,
    )
    return replace(made, **changes)


def run(**changes: Any) -> RunSummary:
    """Return a run of 200 steps on a CPU."""
    made = RunSummary(
        run_id="20261121-190500-train",
        tool_version="0.1.0",
        command=("train.py", "--model", "resnet50", "--batch-size", "256"),
        started_at="2026-11-21T19:05:00+00:00",
        window=Window(asked=200, kept=200, warmup=12, dropped=5, step_rule="SGD.step", clean=150),
        environment={"python": "3.11.7", "torch": "2.13.0", "cpus": 2, "hostname": "node-1"},
        script_exit_code=0,
        collectors=(
            CollectorStatus(name="light", state="ok", overhead_ratio=1.002),
            CollectorStatus(name="py-spy", state="ok", overhead_ratio=1.01),
            CollectorStatus(
                name="gpu", state="unavailable", reason="no NVIDIA driver", remedy="Install one."
            ),
        ),
        ended="completed",
    )
    return replace(made, **changes)


def report(**changes: Any) -> Report:
    """Return a whole report of a CPU run that waits for its data; its verdict is worded from its figures."""
    split = changes.pop("split", None) or cpu_split(
        data_loading=0.59,
        compute=0.25,
        lock_contention=0.06,
        host_work=0.05,
        logging_checkpoint=0.03,
        unattributed=0.02,
    )
    made = Report(
        headline=Headline(kind="none", sentence=""),
        run=run(),
        throughput=speed(),
        split=split,
        hotspots=(
            hotspot(1),
            lock_hotspot(2),
            own_hotspot(3),
            hotspot(4, name="json.dump", category=Category.LOGGING_CHECKPOINT, process="training process",
                    ns_per_step=4e6, share=0.025, low=0.02, high=0.03),
            hotspot(5, name="torch.conv2d", category=Category.COMPUTE, process="training process",
                    ns_per_step=0.5e6, share=0.003, low=0.0005, high=0.02, samples=7),
        ),
        findings=(finding(1), finding(2, title="A lock is held while a file is written", prediction=None)),
        rules=(RuleResult(rule="slow-transform", state="fired"), RuleResult(rule="item-sync", state="quiet")),
        locks=(lock_summary(),),
        loader=loader(),
        notes=("py-spy ran at 250 Hz",),
        startup_s=2.1,
        first_batch_s=0.4,
    )  # fmt: skip
    made = replace(made, **changes)
    if "headline" in changes:
        return made
    return replace(made, headline=worded(made))


def own_hotspot(rank: int) -> Hotspot:
    """Return a slow line of the user's own."""
    return hotspot(
        rank,
        name="SlowDataset.__getitem__",
        function="SlowDataset.__getitem__",
        file="data/dataset.py",
        line=33,
        caller=None,
        ns_per_step=20.7e6,
        share=20.7 / 160,
        low=0.12,
        high=0.14,
    )


def worded(made: Report) -> Headline:
    """Return the verdict that the figures of a report give."""
    return view.headline(
        made.split,
        made.throughput,
        made.hotspots,
        made.findings,
        view.has_device(made.split),
        made.run.window.clean,
    )


def lock_summary(**changes: Any) -> LockSummary:
    """Return what the lock of `lock_hotspot` cost."""
    places = lock_hotspot().lock
    assert places is not None
    made = LockSummary(
        places=places,
        waits=812,
        training_ns_per_step=9.6e6,
        through_waker_ns_per_step=0.4e6,
        idle_ns_per_step=31e6,
        holder="stats-writer",
        waiters=("training thread", "pool-0"),
    )
    return replace(made, **changes)


def loader(**changes: Any) -> LoaderSummary:
    """Return a loader whose two workers are always busy."""
    made = LoaderSummary(
        num_workers=2,
        prefetch_factor=2,
        batches=200,
        made_ns=190e6,
        fetch_ns=180e6,
        collate_ns=9e6,
        transfer_ns=0.6e6,
        cpu_ns=185e6,
        blocked_ns=3e6,
        runq_ns=2e6,
        waited_ns=94e6,
        readiness=0.41,
        busy_share=0.99,
        per_worker_made_ns=(189e6, 191e6),
        out_of_order_share=0.02,
    )
    return replace(made, **changes)


def reads(**changes: Any) -> ReadSummary:
    """Return reads of which nearly all came from memory, of a data set that doesn't fit there."""
    made = ReadSummary(
        read_bytes_per_s=120e6,
        memory_share=0.97,
        data_bytes=180_000_000_000,
        data_files=12,
        data_is_whole=False,
        room_bytes=64_000_000_000,
    )
    return replace(made, **changes)
