"""The pytest fixture: verdicts become passes and failures, and what was not checked never passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.render.test_verdict import made
from throughput.cli import check
from throughput.cli.pytest_plugin import Checker, command_of
from throughput.errors import NotComparable
from throughput.model.verdict import Outcome, Verdict


def train() -> None:
    """Stand for a training function."""


class Methods:
    def train(self) -> None: ...


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the checks were asked; each answers with what was put in last."""
    found: list[Any] = []

    def checked(words: list[str], **options: Any) -> Verdict:
        found.append((words, options))
        answer = options["asked"].base_command
        if answer == "error":
            raise NotComparable("Nothing there.", hint="Save it.")
        return made(Outcome(answer))

    monkeypatch.setattr(check, "checked", checked)
    return found


def test_a_pass_returns_the_verdict(asked: list[Any]) -> None:
    verdict = Checker()("train.py", "--epochs", "1", base_command="same", threshold="3%")
    assert verdict.outcome is Outcome.SAME
    words, options = asked[0]
    assert words == ["train.py", "--epochs", "1"]
    assert options["asked"].threshold == "3%"
    assert not options["command"]


def test_a_regression_fails_with_the_sentence(asked: list[Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match="Slower by"):
        Checker()("train.py", base_command="slower")
    with pytest.raises(pytest.fail.Exception, match="Can't tell"):
        Checker()("train.py", base_command="unsure")
    assert Checker()("train.py", base_command="unsure", allow_inconclusive=True).outcome is Outcome.UNSURE


def test_what_was_not_checked_fails(asked: list[Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Nothing was checked: Nothing there\. Save it\."):
        Checker()("train.py", base_command="error")


def test_a_function_is_called_in_a_process_of_its_own(asked: list[Any]) -> None:
    Checker()(train, base_command="same")
    words, options = asked[0]
    assert words[1] == "-c"
    assert words[2].endswith("import train; train()")
    assert options["command"]
    with pytest.raises(pytest.fail.Exception, match="can't be imported"):
        command_of(Methods.train)


def test_the_exit_code_of_a_verdict() -> None:
    codes = {outcome: check.exit_code_of(made(outcome), allow_inconclusive=False) for outcome in Outcome}
    assert codes == {Outcome.SLOWER: 1, Outcome.SAME: 0, Outcome.FASTER: 0, Outcome.UNSURE: 7}
    assert check.exit_code_of(made(Outcome.UNSURE), allow_inconclusive=True) == 0
    assert check.exit_code_of(replace(made(Outcome.SAME), work_changed=True), allow_inconclusive=True) == 1


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("2.5 %", 0.025), ("0.1", 0.1)])
def test_thresholds(text: str, share: float) -> None:
    assert check.share_of(text) == pytest.approx(share)


def test_options_that_a_check_does_not_have_fail_and_a_threshold_may_be_a_number(asked: list[Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"has no option treshold\. It has against, base_ref"):
        Checker()("train.py", base_command="same", treshold="3%")
    assert not asked
    Checker()("train.py", base_command="same", threshold=0.03)
    assert asked[0][1]["asked"].threshold == "0.03"
