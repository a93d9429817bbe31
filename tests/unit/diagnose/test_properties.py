"""Whatever the facts, every rule answers without failing, and findings are ranked and worth it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from throughput.diagnose import examples, reading
from throughput.diagnose.costs import LEAST_SHARE, bound
from throughput.diagnose.engine import diagnose
from throughput.diagnose.rules import RULES
from throughput.model.attribution import Hotspot, LoaderSummary, LockSummary
from throughput.model.category import CATEGORIES, Category
from throughput.model.finding import Facts
from throughput.model.timeline import Batches, Operators

NAMES = (
    "numpy.round|site-packages/numpy/fromnumeric.py:9",
    "PIL.Image.open|site-packages/PIL/Image.py:3",
    "pandas.core.indexing|site-packages/pandas/core/indexing.py:5",
    "NpzFile.__getitem__|site-packages/numpy/lib/npyio.py:5",
    "torch.save|site-packages/torch/serialization.py:9",
    "h5py.File|site-packages/h5py/_hl/files.py:5",
    "requests.get|site-packages/requests/api.py:1",
    "Sampler.__iter__|data.py:7",
    "pad_collate|data.py:8",
    "update|train.py:9",
    "odd\udc80|:0",
)
TEXTS = (
    "for x in y:",
    "    p.grad.zero_()",
    "torch.tensor(rows)",
    "DataLoader(x)",
    "optim.SGD(p)",
    "",
    "a\udcff",
)
STACKS = (
    ("train.py main 1",),
    ("train.py evaluate 2", "site-packages/torch/optim/adam.py _single_tensor_adam 4"),
    ("train.py ema 2", "site-packages/traceback.py format_stack 4"),
    ("train.py main 2", "site-packages/multiprocessing/queues.py Queue.get 4"),
    ("train.py main 2", "site-packages/torch/_dynamo/convert_frame.py _compile 4"),
)
shares = st.floats(0, 1)
times = st.floats(0, 1e12) | st.none()
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
instants = st.integers(-(10**4), 10**5)
likely = st.sampled_from((Category.DATA_LOADING, Category.HOST_WORK)) | st.sampled_from(CATEGORIES)
pauses = st.sampled_from(("gc2", "gc", "compile"))
counters = st.sampled_from(("machine_cpu_share", "tree_cpus", "steal_share", "throttled_share", "threads"))
environment = st.sampled_from(("cpus", "cpu_quota", "torch_num_threads", "env"))


@st.composite
def hotspots(draw: st.DrawFn) -> Hotspot:
    name, _, at = draw(st.sampled_from(NAMES)).partition("|")
    share = draw(shares)
    low, high = share * draw(shares), share + draw(shares) * (1 - share)
    return examples.spot(
        name,
        share,
        at,
        low=low,
        high=high,
        category=draw(likely),
        process=draw(st.sampled_from((reading.TRAINING, reading.WORKERS, "another"))),
        caller=draw(st.sampled_from((None, "data.py:7", "train.py:9"))),
        calls_per_step=draw(times),
        kind=draw(st.sampled_from(("function", "print", "save", "decode", "collate"))),
    )


@st.composite
def loaders(draw: st.DrawFn) -> LoaderSummary:
    workers = draw(st.integers(0, 20))
    names = "made_ns fetch_ns collate_ns transfer_ns cpu_ns blocked_ns runq_ns waited_ns".split()
    changes: dict[str, Any] = {name: draw(times) for name in names}
    return replace(
        examples.loader(workers),
        **changes,
        busy_share=draw(shares | st.none()),
        readiness=draw(shares | st.none()),
        per_worker_made_ns=tuple(draw(st.lists(st.floats(0, 1e12), max_size=4))),
        out_of_order_share=draw(shares | st.none()),
    )


@st.composite
def locks(draw: st.DrawFn) -> LockSummary:
    kind = draw(st.sampled_from(("Lock", "RLock", "GIL", "process lock", "file lock", "")))
    return examples.lock(
        "a",
        kind,
        training_ns_per_step=draw(st.floats(0, 1e8)),
        through_waker_ns_per_step=draw(st.floats(0, 1e8)),
        holder=draw(st.none() | st.just("writer")),
        waiters=draw(st.sampled_from(((), ("t",)))),
    )


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    raw = st.sampled_from(("optimizers", "anomaly_mode", "num_threads", "compile", "device", "cpus"))
    device = {
        "steps": draw(scalars),
        "kernels": draw(anything),
        "copies": draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "ns": scalars,
                        "direction": st.just("h2d"),
                        "pinned": scalars,
                        "blocking": scalars,
                        "bytes": scalars,
                    }
                ),
                max_size=2,
            )
        ),
        "syncs": draw(
            st.lists(st.fixed_dictionaries({"ns": scalars, "name": scalars, "place": scalars}), max_size=2)
        ),
    }
    many = draw(st.integers(0, 30))
    columns = {
        name: np.array(draw(st.lists(st.integers(-1, 10**10), min_size=many, max_size=many)), dtype=np.int64)
        for name in ("loader", "index", "begun_ns", "made_ns", "wanted_ns", "consumed_ns")
    }
    made = draw(st.dictionaries(raw, anything)) | draw(
        st.sampled_from(({}, {"device": device}, {"anomaly_mode": True}))
    )
    starts = tuple(draw(st.lists(st.integers(0, 10**10), max_size=4)))
    settings = examples.settings(2, iterators_started=len(starts), start_ns=starts, ready_ns=starts[1:])
    parts: dict[str, Any] = {
        "loader": draw(st.none() | loaders()),
        "locks": draw(st.lists(locks(), max_size=3)),
        "loaders": draw(st.sampled_from(((), (settings,)))),
        "pauses": draw(st.lists(st.tuples(pauses, instants, instants), max_size=8)),
        "counters": draw(st.dictionaries(counters, st.floats(), max_size=5)),
        "environment": draw(st.dictionaries(environment, anything, max_size=3)),
        "facts": made,
        "durations_ms": tuple(draw(st.just([100.0] * 60) | st.lists(st.floats(0, 1e5), max_size=80))),
        "batches": Batches(**columns),
        "operators": Operators(inner_counts={"aten::copy_": draw(st.integers(0, 10**9))}),
        "sources": {
            "data.py": {7: draw(st.sampled_from(TEXTS))},
            "train.py": {9: draw(st.sampled_from(TEXTS))},
        },
        "stacks": (
            (draw(st.floats(0, 0.5)), draw(st.sampled_from(STACKS))),
            (draw(st.floats(0, 0.5)), draw(st.sampled_from(STACKS))),
        ),
        "missing": draw(st.sampled_from(((), (), ("stacks",), ("host", "locks")))),
    }
    split = draw(st.dictionaries(likely, shares | st.sampled_from((0.05, 0.2, 0.5)), max_size=5))
    return examples.facts(split, tuple(draw(st.lists(hotspots(), max_size=5))), **parts)


@given(any_facts())
def test_no_rule_fails_whatever_the_facts(facts: Facts) -> None:
    results, findings = diagnose(facts)
    assert not [(r.rule, r.reason) for r in results if r.state == "error"]
    assert [r.rule for r in results] == [rule.name for rule in RULES]
    assert {r.rule for r in results if r.state == "fired"} == {f.rule for f in findings}
    assert [f.rank for f in findings] == list(range(1, len(findings) + 1))
    saved = [f.saves_ns_per_step for f in findings]
    assert saved == sorted(saved, reverse=True)
    assert all(ns >= LEAST_SHARE * reading.mean_step_ns(facts) > 0 for ns in saved)
    assert all(f.prediction is not None and f.prediction.basis == "bound" for f in findings)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_bound_is_ordered_and_finite(share: float, high: float) -> None:
    made = bound(share, high)
    assert 1 == made.low <= made.speedup <= made.high < 101
    if 0 <= share <= 0.9:
        assert abs(made.speedup - 1 / (1 - share)) < 1e-9
