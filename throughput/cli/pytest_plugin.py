"""Give tests a fixture that checks a training script, or a function that trains, for a regression.

    def test_training_is_as_fast_as_main(throughput_check):
        throughput_check("train.py", "--epochs", "2", base_ref="origin/main", threshold="5%")

A regression fails the test with the verdict's sentence; so does "can't tell", unless `allow_inconclusive`.
What could not be checked fails the test too, with the reason and a hint: never a pass, never a skip.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from throughput.cli.check import Asked


class Checker:
    """Checks scripts and functions; a call returns the verdict, or fails the test."""

    def __call__(self, target: str | Path | Callable[[], Any], *arguments: str, **asked: Any) -> Any:
        """Check a script with its arguments, or a function without any, in fresh processes.

        Args:
            target: a script's path, or a function that can be imported from the folder where pytest runs.
            arguments: the script's own.
            asked: as the options of `throughput check`: `base_ref`, `base_command`, `against`, `threshold`,
                `steps`, `max_runs`, `max_minutes`, `allow_inconclusive`, `counts`, `form`, `force`.
        """
        from throughput.cli.check import checked, exit_code_of
        from throughput.errors import ThroughputError

        words = [str(target), *arguments] if isinstance(target, str | Path) else command_of(target)
        wanted = _wanted(asked)
        try:
            verdict = checked(words, module=None, command=callable(target), asked=wanted, quiet=True)
        except ThroughputError as error:
            pytest.fail(f"Nothing was checked: {error.what} {error.hint}", pytrace=False)
        if exit_code_of(verdict, allow_inconclusive=wanted.allow_inconclusive):
            pytest.fail(verdict.sentence, pytrace=False)
        return verdict


def _wanted(asked: dict[str, Any]) -> Asked:
    """Return the options of a check; one that it doesn't have fails the test."""
    from throughput.cli.check import Asked

    known = [field.name for field in fields(Asked)]
    unknown = [name for name in asked if name not in known]
    if unknown:
        pytest.fail(
            f"Nothing was checked: throughput_check has no option {unknown[0]}. It has {', '.join(known)}.",
            pytrace=False,
        )
    if "threshold" in asked:
        asked = asked | {"threshold": str(asked["threshold"])}
    return Asked(**asked)


def command_of(function: Callable[[], Any]) -> list[str]:
    """Return the command that calls a function in a process of its own."""
    name, module = function.__qualname__, inspect.getmodule(function)
    if module is None or not name.isidentifier():
        pytest.fail(
            f"Nothing was checked: {name} can't be imported by its name: put it at the top of a module.",
            pytrace=False,
        )
    return [sys.executable, "-c", f"from {module.__name__} import {name}; {name}()"]


@pytest.fixture
def throughput_check() -> Checker:
    """Check a training script or function for a regression; see `throughput check`."""
    return Checker()
