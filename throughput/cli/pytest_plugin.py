"""Give tests a fixture that checks a training script, or a function that trains, for a regression.

    def test_training_is_as_fast_as_main(throughput_check):
        throughput_check("train.py", "--epochs", "2", base_ref="origin/main", threshold="5%")

A regression fails the test with the verdict's sentence; so does "can't tell", unless `allow_inconclusive`.
What could not be checked is an error with its hint, never a pass.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


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
        from throughput.cli.check import Asked, checked, exit_code_of
        from throughput.errors import ThroughputError

        words = [str(target), *arguments] if isinstance(target, str | Path) else command_of(target)
        wanted = Asked(**asked)
        try:
            verdict = checked(words, module=None, command=callable(target), asked=wanted, quiet=True)
        except ThroughputError as error:
            pytest.fail(f"Nothing was checked: {error.what} {error.hint}", pytrace=False)
        if exit_code_of(verdict, allow_inconclusive=wanted.allow_inconclusive):
            pytest.fail(verdict.sentence, pytrace=False)
        return verdict


def command_of(function: Callable[[], Any]) -> list[str]:
    """Return the command that calls a function in a process of its own."""
    name, module = function.__qualname__, inspect.getmodule(function)
    if module is None or not name.isidentifier():
        pytest.fail(f"{name} can't be imported by its name: put it at the top of a module.", pytrace=False)
    return [sys.executable, "-c", f"from {module.__name__} import {name}; {name}()"]


@pytest.fixture
def throughput_check() -> Checker:
    """Check a training script or function for a regression; see `throughput check`."""
    return Checker()
