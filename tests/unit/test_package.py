"""The package's front door: its version, its public names, and what importing it loads."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

import throughput


def test_version_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc|\.dev)\d+)?", throughput.__version__)


@pytest.mark.parametrize("name", [n for n in throughput.__all__ if n not in ("__version__", "region")])
def test_public_names_load_on_first_use(name: str) -> None:
    home = importlib.import_module(throughput._HOMES[name])
    assert getattr(throughput, name) is getattr(home, name)
    assert name in dir(throughput)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = throughput.nonsense


def test_import_loads_no_submodule() -> None:
    code = "import sys, throughput; print([m for m in sys.modules if m.startswith('throughput.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
