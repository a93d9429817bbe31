"""The engine asks every rule, ranks what is worth it, counts no time twice and survives broken rules."""

from __future__ import annotations

from dataclasses import fields, replace

from throughput.diagnose import costs
from throughput.diagnose.engine import diagnose
from throughput.diagnose.examples import STEP_NS, facts, loader, loading, lock, spot, with_collectors
from throughput.diagnose.ranking import PlacedFinding, SpecificRule
from throughput.model.attribution import Place
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding, Prediction, Rule
from throughput.model.run import CollectorStatus

PLACE, OTHER, THIRD = (Place(function="f", file="train.py", line=line) for line in (3, 4, 5))


def finding(share: float, **changes: object) -> Finding:
    made = Finding(
        rule="",
        title="a cause",
        category=Category.HOST_WORK,
        where=None,
        evidence=("it takes 3 ms",),
        fix="Remove it",
        saves_ns_per_step=share * STEP_NS,
        prediction=costs.bound(share, share),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def rule(name: str, share: float, supersedes: tuple[str, ...] = (), **changes: object) -> Rule:
    return SpecificRule(name=name, check=lambda _: finding(share, **changes), supersedes=supersedes)


def ask(*rules: Rule, of: Facts | None = None) -> tuple[dict[str, str], list[str]]:
    results, findings = diagnose(of or facts(), rules)
    assert [f.rank for f in findings] == list(range(1, len(findings) + 1))
    return {r.rule: r.state for r in results}, [f.rule for f in findings]


def test_findings_are_ranked_by_what_they_save() -> None:
    assert ask(rule("b", 0.1), rule("a", 0.3), rule("c", 0.05))[1] == ["a", "b", "c"]


def test_a_rule_that_crashes_is_an_error_of_its_own() -> None:
    def crash(_: Facts) -> Finding | None:
        raise RuntimeError("boom")

    results, findings = diagnose(facts(), (Rule(name="bad", check=crash), rule("good", 0.2)))
    assert results[0].state == "error"
    assert results[0].reason == "RuntimeError: boom"
    assert [f.rule for f in findings] == ["good"]


def test_what_is_no_finding_is_an_error() -> None:
    wrong = Rule(name="text", check=lambda _: "slow")  # type: ignore[arg-type,return-value]
    impossible = rule("impossible", 0.2, prediction=Prediction(speedup=0, low=0, high=0))
    states, findings = ask(wrong, impossible, rule("good", 0.2), rule("good", 0.4))
    assert states == {"text": "error", "impossible": "error", "good": "error"}  # the second "good" is refused
    assert findings == ["good"]


def test_too_little_to_be_felt_is_quiet_with_the_reason() -> None:
    results, findings = diagnose(facts(), (rule("tiny", 0.02), rule("nan", float("nan"), prediction=None)))
    assert not findings
    assert [r.state for r in results] == ["quiet", "quiet"]
    assert "less than" in str(results[0].reason)


def test_a_fix_that_buys_nothing_is_no_finding() -> None:
    def told(speedup: float) -> Prediction:
        return Prediction(
            speedup=speedup, low=1.0, high=1.1, basis="replay", next_category=Category.DATA_LOADING
        )

    idle, works = rule("idle", 0.3, prediction=told(1.001)), rule("works", 0.1, prediction=told(1.05))
    results, findings = diagnose(facts(), (idle, works))
    assert [(one.rule, one.rank) for one in findings] == [("works", 1)]
    (quiet,) = [one for one in results if one.rule == "idle"]
    assert (quiet.state, quiet.reason) == ("quiet", "its fix buys nothing now: data loading is the limit")


def test_a_collector_that_failed_makes_the_rule_not_applicable() -> None:
    needy = Rule(name="needy", check=lambda _: finding(0.5), requires=("stacks",))
    results, findings = diagnose(facts(missing=("stacks",)), (needy,))
    assert not findings
    assert (results[0].state, results[0].reason) == ("not_applicable", "needs stacks: unavailable")


def test_what_was_seen_in_part_counts_but_its_silence_does_not() -> None:
    partial = (CollectorStatus(name="stacks", state="partial", reason="no workers"),)
    made = with_collectors(facts(), partial)
    loud = Rule(name="loud", check=lambda _: finding(0.5), requires=("stacks",))
    silent = Rule(name="silent", check=lambda _: None, requires=("stacks",))
    results, findings = diagnose(made, (loud, silent))
    assert [f.rule for f in findings] == ["loud"]
    assert (results[1].state, results[1].reason) == ("not_applicable", "stacks saw only a part: no workers")


def test_without_a_device_its_rules_do_not_apply() -> None:
    needy = Rule(name="needy", check=lambda _: finding(0.5), needs_device=True)
    results, _ = diagnose(facts(), (needy,))
    assert (results[0].state, results[0].reason) == ("not_applicable", "not applicable: no device")
    assert ask(needy, of=facts(facts={"device": {"name": "fake"}}))[1] == ["needy"]


def test_the_special_cause_takes_the_place_of_the_general() -> None:
    states, findings = ask(rule("general", 0.5), rule("special", 0.3, ("general",)))
    assert findings == ["special"]
    assert states == {"general": "quiet", "special": "fired"}


def test_what_a_special_cause_leaves_is_still_told() -> None:
    results, findings = diagnose(facts(), (rule("general", 0.5), rule("special", 0.2, ("general",))))
    assert [(f.rule, round(f.saves_ns_per_step / STEP_NS, 3)) for f in findings] == [
        ("general", 0.3),
        ("special", 0.2),
    ]
    assert findings[0].prediction is not None
    assert round(findings[0].prediction.speedup, 3) == round(1 / 0.7, 3)
    assert "counted under special" in findings[0].evidence[-1]
    assert results[0].finding == findings[0]


def test_two_that_supersede_each_other_leave_the_larger() -> None:
    assert ask(rule("a", 0.2, ("b",)), rule("b", 0.3, ("a",)))[1] == ["b"]


def test_one_place_is_told_once() -> None:
    assert ask(rule("a", 0.20, where=PLACE), rule("b", 0.21, where=PLACE))[1] == ["b"]
    assert ask(rule("a", 0.20, where=PLACE), rule("b", 0.40, where=PLACE))[1] == ["b", "a"]


def placed(name: str, share: float, place: Place, supersedes: tuple[str, ...] = ()) -> Rule:
    values = {f.name: getattr(finding(share, where=place), f.name) for f in fields(Finding)}
    made = PlacedFinding(**values, claims=(OTHER, place))
    return SpecificRule(name=name, check=lambda _: made, supersedes=supersedes)


def test_at_one_place_the_special_cause_must_be_the_larger_part() -> None:
    states, findings = ask(placed("general", 0.5, PLACE), placed("special", 0.1, PLACE, ("general",)))
    assert (states, findings) == ({"general": "fired", "special": "quiet"}, ["general"])


def test_what_is_elsewhere_is_not_explained() -> None:
    assert ask(placed("general", 0.3, PLACE), placed("special", 0.2, THIRD, ("general",)))[1] == [
        "general",
        "special",
    ]
    assert ask(placed("general", 0.3, OTHER), placed("special", 0.2, THIRD, ("general",)))[1] == ["special"]
    assert type(diagnose(facts(), (placed("a", 0.3, PLACE),))[1][0]) is Finding


def test_a_crowded_machine_hides_no_slow_function() -> None:
    work = loading("numpy.round", 0.06)
    assert not diagnose(facts({Category.DATA_LOADING: 0.07}, (work,)))[1]
    crowded = facts({Category.DATA_LOADING: 0.07, Category.CPU_STARVED: 0.6}, (work,))
    assert [f.rule for f in diagnose(crowded)[1]] == ["slow-transform"]


def test_a_lock_beats_more_workers_and_faster_transforms() -> None:
    work = loading("Cache.get", 0.3, "cache.py:20")
    case = facts(
        {Category.DATA_LOADING: 0.3, Category.LOCK_CONTENTION: 0.3},
        (work,),
        loader=loader(2, cpu_ns=30e6, blocked_ns=65e6),
        locks=(lock(through_waker_ns_per_step=30e6),),
        counters={"tree_cpus": 1.2},
    )
    assert [f.rule for f in diagnose(case)[1]] == ["lock-in-pipeline"]


def test_a_slow_function_beats_no_workers() -> None:
    rounding = loading(
        "numpy.round",
        0.5,
        "site-packages/numpy/fromnumeric.py:9",
        caller="cleaning.py:17",
        process="training process",
    )
    case = facts(
        {Category.DATA_LOADING: 0.59},
        (rounding,),
        loader=loader(0),
        counters={"tree_cpus": 1.0},
        environment={"cpus": 2},
    )
    found = diagnose(case)[1]
    assert [f.rule for f in found] == ["slow-transform"]
    assert (found[0].where and found[0].where.line) == 17


def test_a_sound_run_has_nothing_worth_fixing() -> None:
    split = {Category.DATA_LOADING: 0.06, Category.HOST_WORK: 0.08, Category.LOGGING_CHECKPOINT: 0.01}
    work = (loading("Images.__getitem__", 0.05), spot("train", 0.06), spot("print", 0.01))
    case = facts(split, work, loader=loader(2, busy_share=0.4, waited_ns=1e6), counters={"tree_cpus": 2.2})
    results, findings = diagnose(case)
    assert not findings
    assert not [r for r in results if r.state == "error"]
