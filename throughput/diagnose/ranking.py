"""Turn what rules found into a ranked list in which no time is claimed twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from throughput import units
from throughput.diagnose.costs import LEAST_SHARE, bound
from throughput.model.attribution import Place
from throughput.model.finding import Finding, Rule

MOST_OF_IT = 0.5
"""A special cause that takes at least half of the time that a general one claims is its explanation: what
is then left is the smaller part, and advice on it would send the reader the wrong way."""
SAME_TIME = 0.9
"""Two rules at one line whose times agree this well look at the same samples; settings of one loader, which
also share a line, cost different times."""

GENERAL_LOADING = ("slow-transform", "no-workers", "too-few-workers", "prefetch-shallow")
"""What any slow loading looks like; a rule that knows the cause supersedes these."""
ANY_LOADING = (
    *GENERAL_LOADING,
    "slow-storage-read",
    "slow-collate",
    "python-loop-in-dataset",
    "straggling-worker",
    "head-of-line-blocking",
)
"""The same, for causes that make all of loading slow, whatever line it is at: locks and the GIL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificRule(Rule):
    """A rule that knows more than others: where it fires, they don't claim the same time again."""

    supersedes: tuple[str, ...] = ()
    """Names of the rules whose findings this one's explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding(Finding):
    """A finding whose time is that of some lines of own code; it explains others at these lines only."""

    claims: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Findings that stand, numbered, and for each dropped rule the reason."""

    findings: tuple[Finding, ...]
    dropped: Mapping[str, str]


def ranked(found: Sequence[Finding], rules: Sequence[Rule], mean_step_ns: float) -> Ranked:
    """Return the findings that stand, by time saved; one explained by another is dropped or cut down.

    The larger of two decides first, so that rules which supersede one another can't drop each other.
    """
    names = {rule.name: rule.supersedes for rule in rules if isinstance(rule, SpecificRule)}
    dropped: dict[str, str] = {}
    standing = {finding.rule: finding for finding in _by_saving(found)}
    for name in list(standing):
        for other in [rule for rule in standing if rule not in dropped and rule != name]:
            if name in dropped:
                break
            if other in names.get(name, ()):
                _explain(standing, dropped, (name, other), mean_step_ns)
            elif name not in names.get(other, ()) and _same(standing[name], standing[other]):
                dropped[other] = f"the same time at the same place as {name}"
    kept = _by_saving([finding for rule, finding in standing.items() if rule not in dropped])
    numbered = tuple(_plain(finding, number) for number, finding in enumerate(kept, 1))
    return Ranked(findings=numbered, dropped=dropped)


def _plain(finding: Finding, rank: int) -> Finding:
    values = {field.name: getattr(finding, field.name) for field in fields(Finding)}
    return Finding(**(values | {"rank": rank}))


def _same(first: Finding, second: Finding) -> bool:
    """Return whether two findings price the same thing."""
    if first.where is None or first.where != second.where or first.category is not second.category:
        return False
    less, more = sorted((first.saves_ns_per_step, second.saves_ns_per_step))
    return less >= SAME_TIME * more


def _explain(
    standing: dict[str, Finding], dropped: dict[str, str], pair: tuple[str, str], mean_step_ns: float
) -> None:
    """Drop the second of a pair, which the first explains, or cut it down to what is left."""
    first, second = standing[pair[0]], standing[pair[1]]
    claims = first.claims if isinstance(first, PlacedFinding) and isinstance(second, PlacedFinding) else ()
    if claims and second.where not in claims:
        return  # two lines, two times
    rest = second.saves_ns_per_step - first.saves_ns_per_step
    explained = first.saves_ns_per_step >= MOST_OF_IT * second.saves_ns_per_step
    if explained or rest < LEAST_SHARE * mean_step_ns:
        dropped[pair[1]] = f"explained by {pair[0]}"
    elif claims:
        dropped[pair[0]] = f"a part of what {pair[1]} found at the same place"
    else:
        standing[pair[1]] = _cut(second, first, mean_step_ns)


def _cut(finding: Finding, by: Finding, mean_step_ns: float) -> Finding:
    """Return a finding less what another one already claims."""
    rest = finding.saves_ns_per_step - by.saves_ns_per_step
    taken = by.saves_ns_per_step / mean_step_ns
    prediction = finding.prediction
    if prediction is not None and prediction.basis == "bound":
        high = 1 - 1 / prediction.high - taken
        prediction = bound(rest / mean_step_ns, high, prediction.assumes)
    line = f"{units.duration(by.saves_ns_per_step)} of this is counted under {by.rule}"
    return replace(finding, saves_ns_per_step=rest, prediction=prediction, evidence=(*finding.evidence, line))


def _by_saving(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: -finding.saves_ns_per_step)
