"""Turn facts into findings by asking every rule; what a rule can't know, it does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from throughput import units
from throughput.diagnose import reading
from throughput.diagnose.costs import LEAST_SHARE
from throughput.diagnose.ranking import ranked
from throughput.diagnose.replay.predict import model_of, predicted
from throughput.diagnose.rules import RULES
from throughput.model.finding import Facts, Finding, Rule, RuleResult

GAIN_LEAST = 0.01
"""Of a speed-up by replay: less is the noise that a second run of the same script shows."""
PARTIAL = "partial"
"""State of a collector of which some patch point was missing."""


def diagnose(
    facts: Facts, rules: Sequence[Rule] = RULES
) -> tuple[tuple[RuleResult, ...], tuple[Finding, ...]]:
    """Return each rule's answer, and the findings, ranked by what a step would lose without them.

    Never raises: a rule that fails is an error of that rule alone.
    """
    names = [rule.name for rule in rules]
    results = [_answer(rule, facts, rule.name in names[:index]) for index, rule in enumerate(rules)]
    found = [result.finding for result in results if result.finding is not None]
    outcome = ranked(found, rules, reading.mean_step_ns(facts))
    told = _with_predictions(facts, outcome.findings)
    worth = [finding for finding in told if not _buys_nothing(finding)]
    findings = tuple(replace(finding, rank=rank) for rank, finding in enumerate(worth, 1))
    final = {finding.rule: finding for finding in findings}
    dropped = {f.rule: _hidden(f) for f in told if _buys_nothing(f)} | dict(outcome.dropped)
    # A rule that was refused for its name has no finding, so names are unique here.
    return tuple(_settled(r, final, dropped) for r in results), findings


def _buys_nothing(finding: Finding) -> bool:
    """Return whether a replay of the run says that the fix leaves the step as long as it is."""
    told = finding.prediction
    return told is not None and told.basis == "replay" and told.speedup < 1.0 + GAIN_LEAST


def _hidden(finding: Finding) -> str:
    limit = finding.prediction.next_category if finding.prediction is not None else None
    return "its fix buys nothing now" + (f": {limit.value.replace('_', ' ')} is the limit" if limit else "")


def _with_predictions(facts: Facts, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings with what their fixes buy by replay, ranked by that; else with their bounds."""
    try:
        model = model_of(facts) if found else None
        if model is None:
            return found
        told = [predicted(facts, model, finding) for finding in found]
    except (ValueError, IndexError, ArithmeticError):  # columns of a damaged run: the bounds stand
        return found
    told.sort(key=lambda finding: -finding.saves_ns_per_step)
    return tuple(replace(finding, rank=rank) for rank, finding in enumerate(told, 1))


def _answer(rule: Rule, facts: Facts, is_taken: bool) -> RuleResult:
    try:
        if is_taken:
            return RuleResult(rule=rule.name, state="error", reason="another rule has this name")
        missing = _missing(rule, facts)
        if missing is not None:
            return RuleResult(rule=rule.name, state="not_applicable", reason=missing)
        result = _judged(rule, facts, rule.check(facts))
        partial = _partial(rule, facts)
        if result.state == "quiet" and partial is not None:
            return RuleResult(rule=rule.name, state="not_applicable", reason=partial)
        return result
    except Exception as error:  # noqa: BLE001 - anybody's rule may raise anything; the others must answer
        return RuleResult(rule=rule.name, state="error", reason=f"{type(error).__name__}: {error}")


def _missing(rule: Rule, facts: Facts) -> str | None:
    """Return why this rule's silence would mean nothing; None where it can answer."""
    if rule.needs_device and not facts.timeline.facts.get("device"):
        return "not applicable: no device"
    states = {collector.name: collector for collector in facts.run.collectors}
    for name in rule.requires:
        collector = states.get(name)
        if collector is None:
            return f"needs {name}, which was not collected"
        if collector.state not in ("ok", PARTIAL):
            return f"needs {name}: {collector.reason or collector.state}"
    return None


def _partial(rule: Rule, facts: Facts) -> str | None:
    """Return what a rule could not see: then its finding counts, but its silence doesn't."""
    for collector in facts.run.collectors:
        if collector.name in rule.requires and collector.state == PARTIAL:
            return f"{collector.name} saw only a part: {collector.reason or 'no reason given'}"
    return None


def _judged(rule: Rule, facts: Facts, finding: Finding | None) -> RuleResult:
    """Return fired where the finding is worth reading, whoever wrote the rule."""
    if finding is None:
        return RuleResult(rule=rule.name, state="quiet")
    saves, mean = finding.saves_ns_per_step, reading.mean_step_ns(facts)
    if rule.saves_time and (not math.isfinite(saves) or mean <= 0 or saves < LEAST_SHARE * mean):
        least = units.percent(LEAST_SHARE)
        return RuleResult(rule=rule.name, state="quiet", reason=f"saves less than {least} of a step")
    prediction = finding.prediction
    if prediction is not None and not (prediction.low > 0 and math.isfinite(prediction.high)):
        raise ValueError(f"a speed-up from {prediction.low} to {prediction.high} can't be")
    finding = replace(finding, rule=rule.name, ranks=(facts.attribution.rank,), rank=0)
    return RuleResult(rule=rule.name, state="fired", finding=finding)


def _settled(result: RuleResult, final: dict[str, Finding], dropped: Mapping[str, str]) -> RuleResult:
    if result.finding is None:
        return result
    if result.rule in dropped:
        return RuleResult(rule=result.rule, state="quiet", reason=dropped[result.rule])
    return replace(result, finding=final[result.rule])
