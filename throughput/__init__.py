"""Find what slows a PyTorch training script: collect, align, attribute, diagnose, render, compare."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughput.errors import ThroughputError

# The one place that holds the version: pyproject.toml and `throughput --version` read it here.
__version__ = "0.1.0"

__all__ = ["ThroughputError", "__version__"]

# Public name -> module that holds it. Loaded on first use, so that `import throughput` costs nothing and
# `throughput --help` loads neither numpy nor torch.
_HOMES = {"ThroughputError": "throughput.errors"}


def __getattr__(name: str) -> object:
    """Return the public object `name`, importing its module on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'throughput' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
