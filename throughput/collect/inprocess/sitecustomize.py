"""Load the in-process collectors at interpreter start, then the user's own sitecustomize, if there is one.

Every process that the script starts gets this file through PYTHONPATH, so it stays tiny: without a
run in the environment it does nothing but chain.
"""

from __future__ import annotations

import os
import sys


def _leave_the_path(here: str) -> None:
    """Take our folder from sys.path (children get it through PYTHONPATH again)."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


def _chain_to_the_users(here: str) -> None:
    """Run the sitecustomize that would have been found without us, under its own name."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    paths = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", paths)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    if os.environ.get("THROUGHPUT_RAW"):
        try:
            from throughput_inprocess import start

            start.start()
        except Exception as error:
            sys.stderr.write(f"throughput: not profiling this process: {error!r}\n")
    _leave_the_path(here)
    _chain_to_the_users(here)


_begin()
