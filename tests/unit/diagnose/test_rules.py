"""Every rule does what its own examples say, explains itself, and supersedes rules that exist."""

from __future__ import annotations

import pytest

from throughput.diagnose import examples
from throughput.diagnose.engine import diagnose
from throughput.diagnose.ranking import SpecificRule
from throughput.diagnose.rules import RULES
from throughput.model.finding import Facts, Finding, Rule

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
PARTS = ("Why it costs: ", "How to fix: ", "When it is wrong: ", "Sources: ")


def only(rule: Rule, facts: Facts) -> tuple[str, str | None, Finding | None]:
    (result,), _ = diagnose(facts, (rule,))
    return result.state, result.reason, result.finding


@every_rule
def test_fires_on_its_examples(rule: Rule) -> None:
    assert rule.fires()
    for facts in rule.fires():
        state, reason, finding = only(rule, facts)
        assert state == "fired", reason
        assert finding is not None
        assert finding.rule == rule.name
        assert finding.rank == 1
        assert finding.title[:1].isupper() or finding.title[:1].islower()
        assert not finding.title.endswith(".")
        assert all(finding.evidence)
        assert any(char.isdigit() for line in finding.evidence for char in line), "evidence without a number"
        if not rule.saves_time:
            assert finding.prediction is None
            continue
        assert finding.prediction is not None
        assert finding.prediction.low == 1.0 < finding.prediction.speedup <= finding.prediction.high


@every_rule
def test_is_quiet_on_its_examples(rule: Rule) -> None:
    assert rule.quiet()
    for facts in rule.quiet():
        state, reason, _ = only(rule, facts)
        assert state == "quiet", reason


@every_rule
def test_the_fix_begins_with_a_verb(rule: Rule) -> None:
    verbs = set(
        "Avoid Batch Cache Call Convert Copy Decode Delete Drop Free Give Group Hold Keep Leave Let Log "
        "Lower Make Merge Move Open Pad Pass Pin Point Precompute Queue Raise Read Remove Replace Return "
        "Run Save Send Set Share Shorten Speed Spread Stop Store Switch Take Tokenize Turn Use Write".split()
    )
    for facts in rule.fires():
        finding = only(rule, facts)[2]
        assert finding is not None
        assert finding.fix.split()[0] in verbs, finding.fix


@every_rule
def test_explains_itself(rule: Rule) -> None:
    text = rule.check.__doc__ or ""
    assert text.startswith("See ")
    assert all(part in text for part in PARTS)
    assert [text.index(part) for part in PARTS] == sorted(text.index(part) for part in PARTS)


@every_rule
def test_says_nothing_of_what_was_not_collected(rule: Rule) -> None:
    assert rule.requires
    for name in rule.requires:
        for facts in rule.fires():
            states = tuple(c for c in facts.run.collectors if c.name != name)
            state, reason, _ = only(rule, examples.with_collectors(facts, states))
            assert state == "not_applicable"
            assert reason is not None
            assert name in reason


@every_rule
def test_is_quiet_where_nothing_was_measured(rule: Rule) -> None:
    state, _, _ = only(rule, examples.facts(durations_ms=()))
    assert state in ("quiet", "not_applicable")


def test_names_are_unique_and_kebab_case() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names) >= 10
    assert all(name.replace("-", "").isalpha() and name == name.lower() for name in names)


def test_a_module_is_named_for_its_rule() -> None:
    for rule in RULES:
        assert rule.check.__module__.rsplit(".", 1)[1] == rule.name.replace("-", "_")


def test_superseding_names_rules_and_is_transitive() -> None:
    names = {rule.name: set(rule.supersedes) if isinstance(rule, SpecificRule) else set() for rule in RULES}
    for name, below in names.items():
        assert below <= names.keys(), (name, below - names.keys())
        assert name not in below
        for other in below:
            assert names[other] <= below, (name, other, names[other] - below)
