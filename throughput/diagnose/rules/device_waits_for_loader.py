"""Finds a device that waits for batches, in a trace."""

from __future__ import annotations

from throughput import units
from throughput.diagnose import costs, evidence, findings
from throughput.diagnose.device import read_device, with_replay
from throughput.diagnose.examples import facts, loader
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Rule

NO_WORKERS = "Make batches beside the model: DataLoader(..., num_workers=4, persistent_workers=True)"
WORKERS = (
    "Make batches faster: more workers (num_workers), a larger prefetch_factor, cheaper transforms, or data "
    "that is decoded once. `throughput profile` on the script says which."
)


def check(facts: Facts) -> Finding | None:
    """See the device idle while the training thread waits in the DataLoader, in a trace.

    Why it costs: all of that time neither the device nor the script gets on.
    How to fix: without workers, give the loader some; with workers, more of them or cheaper samples. A
    profile of the script, which sees inside of workers, names the line.
    When it is wrong: only the first batch of an epoch is waited for, and the trace holds few steps.
    Sources: TensorBoard plugin (loader > 5 %); XProf (input-bound from 20 %); torch.utils.data documentation.
    """
    device = read_device(facts)
    if device is None or facts.attribution.loader is not None or device.has_workers is None:
        return None  # of a profiled script other rules know more
    cost = costs.of_category(facts, Category.DATA_LOADING, least=costs.generic(facts))
    if cost is None:
        return None
    lines = [
        evidence.category(facts, Category.DATA_LOADING, "the device waits for batches"),
        f"the loader has {'workers' if device.has_workers else 'no workers (num_workers=0)'}",
    ]
    worst = max(facts.attribution.steps, key=lambda step: step.parts_ns.get(Category.DATA_LOADING, 0))
    slow = worst.parts_ns.get(Category.DATA_LOADING, 0)
    if slow > 2 * cost.ns:
        lines.append(f"it comes in stalls: step {worst.index} waits {units.duration(slow)}")
    fix = WORKERS if device.has_workers else NO_WORKERS
    title = "The device waits for the data loader"
    found = findings.of_cost(cost, (Category.DATA_LOADING, None), (title, fix), lines)
    return with_replay(found, facts, "loading")


def _device(workers: bool | None) -> dict[str, object]:
    seen = {} if workers is None else {"count": 100, "workers": workers}
    return {"device": {"steps": 100, "loader": seen}}


def _fires() -> tuple[Facts, ...]:
    slow = {Category.DATA_LOADING: 0.3}
    return facts(slow, facts=_device(workers=False)), facts(slow, facts=_device(workers=True))


def _quiet() -> tuple[Facts, ...]:
    slow = {Category.DATA_LOADING: 0.3}
    return (
        facts({Category.DATA_LOADING: 0.02}, facts=_device(workers=True)),
        facts(slow, facts=_device(None)),
        facts(slow, facts=_device(workers=False), loader=loader(0)),
    )


RULE = Rule(
    name="device-waits-for-loader", check=check, requires=("torch",), needs_device=True,
    fires=_fires, quiet=_quiet,
)  # fmt: skip
