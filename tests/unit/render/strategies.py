"""Hypothesis strategies for whole reports, in which nothing need make sense."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.render import builders as b
from throughput.model.attribution import Hotspot, LockPlaces, Place, SourceLine, SplitRow
from throughput.model.category import CATEGORIES, Category, Source, State
from throughput.model.finding import Finding, Prediction, RuleResult
from throughput.model.ledger import PARTS, LedgerRow
from throughput.model.report import Budget, CategoryMoney, Money, Report, StepTime, Throughput
from throughput.model.run import CollectorStatus, End, Window
from throughput.model.stall import Stall, WaitedFor

words = st.one_of(st.sampled_from(b.HOSTILE), st.text(max_size=60))
shares = st.floats(0, 1, allow_nan=False)
times = st.floats(0, 1e13, allow_nan=False)
lines = st.integers(-1, 10**9)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float, float]:
    """Draw low <= value <= high of a share."""
    low, value, high = sorted(draw(st.tuples(shares, shares, shares)))
    return low, value, high


@st.composite
def rows(draw: st.DrawFn, category: Category) -> SplitRow:
    """Draw a row of the split, measured or not."""
    if draw(st.booleans()):
        low, value, high = draw(intervals())
        bounds = (low, high) if draw(st.booleans()) else (None, None)
        return SplitRow(
            category=category,
            share=value,
            low=bounds[0],
            high=bounds[1],
            ns_per_step=draw(st.none() | times),
            source=draw(st.sampled_from(Source)),
            state=draw(st.sampled_from((State.MEASURED, State.PARTIAL))),
            reason=draw(st.none() | words),
        )
    state = draw(st.sampled_from((State.NOT_MEASURED, State.NOT_APPLICABLE)))
    return b.row(category, None, state=state, reason=draw(st.none() | words))


places = st.builds(Place, function=words, file=words, line=lines)
lock_places = st.builds(
    LockPlaces,
    name=words,
    kind=words,
    made_at=st.none() | words,
    held_at=st.none() | words,
    waited_at=st.none() | words,
)


@st.composite
def hotspots(draw: st.DrawFn) -> Hotspot:
    """Draw a hotspot with any names."""
    low, value, high = draw(intervals())
    return b.hotspot(
        draw(st.integers(1, 50)),
        name=draw(words),
        file=draw(words),
        line=draw(lines),
        function=draw(words),
        caller=draw(st.none() | places),
        process=draw(st.sampled_from(("training process", "DataLoader workers")) | words),
        thread=draw(words),
        category=draw(st.sampled_from(Category)),
        ns_per_step=draw(times),
        share=value,
        low=low,
        high=high,
        samples=draw(st.integers(0, 100)),
        calls_per_step=draw(st.none() | st.floats(0, 1e6)),
        lock=draw(st.none() | lock_places),
        source=tuple(draw(st.lists(st.builds(SourceLine, line=lines, text=words, share=st.none() | shares),
                                   max_size=13))),
    )  # fmt: skip


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    """Draw a prediction in order."""
    low, speedup, high = sorted(draw(st.tuples(*[st.floats(0.5, 500)] * 3)))
    basis = draw(st.sampled_from(("bound", "replay", "experiment")))
    return Prediction(speedup=speedup, low=low, high=high, basis=basis, assumes=draw(words))


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """Draw a finding with any text."""
    return b.finding(
        draw(st.integers(0, 30)),
        rule=draw(words),
        title=draw(words),
        category=draw(st.sampled_from(Category)),
        where=draw(st.none() | places),
        evidence=tuple(draw(st.lists(words, max_size=4))),
        fix=draw(words),
        saves_ns_per_step=draw(times),
        prediction=draw(st.none() | predictions()),
    )


@st.composite
def speeds(draw: st.DrawFn) -> Throughput:
    """Draw a speed in order."""
    low, value, high = sorted(draw(st.tuples(*[st.floats(1e-4, 1e5)] * 3)))
    median, mean, p95 = sorted(draw(st.tuples(*[st.floats(1e3, 1e12)] * 3)))
    times_ = StepTime(median=median, p95=p95, mean=mean, low=median, high=p95)
    samples = draw(st.none() | st.floats(0, 1e7))
    return Throughput(steps_per_s=value, low=low, high=high, samples_per_s=samples, step_ns=times_)


def moneys() -> st.SearchStrategy[Money]:
    parts = st.builds(CategoryMoney, category=st.sampled_from(Category), amount=st.floats(0, 1e12))
    return st.builds(Money, per_hour=st.floats(1e-6, 1e6), currency=words, steps=st.integers(1, 10**9),
                     is_epoch=st.booleans(), amount=st.floats(0, 1e12),
                     categories=st.lists(parts, max_size=5).map(tuple))  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a whole report; nothing in it need make sense."""
    counts = st.integers(0, 100_000)
    window = draw(st.builds(Window, asked=counts, kept=counts, warmup=counts, dropped=counts,
                            step_rule=st.none() | words, clean=counts))  # fmt: skip
    collectors = st.builds(
        CollectorStatus,
        name=words,
        state=st.sampled_from(("ok", "unavailable", "failed", "off")),
        reason=st.none() | words,
        remedy=st.none() | words,
        overhead_ratio=st.none() | st.floats(0.5, 9),
    )
    rules = st.builds(
        RuleResult,
        rule=words,
        state=st.sampled_from(("fired", "quiet", "not_applicable", "error")),
        reason=st.none() | words,
    )
    kept = draw(st.sets(st.sampled_from(Category)))
    amounts = st.none() | st.floats(0, 1e12)
    budgets = st.builds(Budget, seconds=st.floats(1, 1e7), steps_now=st.floats(0, 1e12), steps_after=amounts,
                        samples_now=amounts, samples_after=amounts, epochs_now=amounts,
                        epochs_after=amounts, once_s=amounts, recurring_s=amounts)  # fmt: skip
    ledger = st.builds(LedgerRow, part=st.sampled_from(PARTS), name=words, seconds=st.floats(0, 1e6),
                       count=st.integers(0, 10**6))  # fmt: skip
    waited = st.builds(WaitedFor, process=words, thread=words, file=words, line=lines, function=words,
                       lock=st.none() | words)  # fmt: skip
    stalls = st.builds(Stall, step=st.none() | counts, sentence=words,
                       waits_for=st.lists(waited, max_size=6).map(tuple))  # fmt: skip
    return b.report(
        split=tuple(draw(rows(c)) for c in CATEGORIES if c in kept) or (b.row(Category.IDLE, None),),
        run=b.run(
            window=window,
            command=tuple(draw(st.lists(words, max_size=5))),
            environment=draw(st.dictionaries(words, words | st.integers(0, 9) | st.none(), max_size=5)),
            collectors=tuple(draw(st.lists(collectors, max_size=4))),
            script_exit_code=draw(st.none() | st.integers(-15, 255)),
            ended=draw(st.sampled_from(("completed", "stalled", "never_stepped", "crashed", "weird"))),
            started_at=draw(words),
        ),
        throughput=draw(st.none() | speeds()),
        hotspots=tuple(draw(st.lists(hotspots(), max_size=8))),
        findings=tuple(draw(st.lists(findings(), max_size=6))),
        rules=tuple(draw(st.lists(rules, max_size=5))),
        notes=tuple(draw(st.lists(words, max_size=6))),
        budget=draw(st.none() | budgets),
        money=draw(st.none() | moneys()),
        ledger=draw(st.none() | st.lists(ledger, max_size=30).map(tuple)),
        goodput=draw(st.none() | shares),
        stall=draw(st.none() | stalls),
        end=draw(
            st.none()
            | st.builds(End, kind=words, sentence=words, evidence=st.lists(words, max_size=6).map(tuple))
        ),
        startup_s=draw(st.none() | st.floats(0, 1e5)),
        locks=draw(st.none() | st.just((b.lock_summary(holder=b.HOSTILE[0]),))),
        loader=draw(st.none() | st.just(b.loader(made_ns=None, readiness=None))),
    )
