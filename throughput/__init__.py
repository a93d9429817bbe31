"""Find what slows a PyTorch training script: collect, align, attribute, diagnose, render, compare."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from throughput.errors import ThroughputError

# The one place that holds the version: pyproject.toml and `throughput --version` read it here.
__version__ = "0.1.0"

__all__ = ["ThroughputError", "__version__", "region"]

# Public name -> module that holds it. Loaded on first use, so that `import throughput` costs nothing and
# `throughput --help` loads neither numpy nor torch.
_HOMES = {"ThroughputError": "throughput.errors"}


class _NoRegion:
    """What `region` gives to a script that is not profiled: a context in which nothing happens."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *about: object) -> None:
        pass


_NO_REGION = _NoRegion()


def region(name: str) -> AbstractContextManager[object]:
    """Return a context whose time a report shows under this name; without a profile it does nothing."""
    inside: Any = sys.modules.get("throughput_inprocess.regions")
    made: AbstractContextManager[object] = _NO_REGION if inside is None else inside.Region(name)
    return made


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
