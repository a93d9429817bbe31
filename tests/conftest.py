"""What every test shares: hypothesis settings, the folders, the e2e marker."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent

# No deadline: on a loaded machine the first example imports numpy and takes seconds.
# Derandomized: a red gate is due to the change at hand; `HYPOTHESIS_PROFILE=explore` looks further.
# Health checks of speed measure the machine, which others share.
settings.register_profile(
    "gate",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

# A gate that runs in the background inherits a Ctrl-C that is ignored, and so would what tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/e2e as e2e."""
    for item in items:
        if (ROOT / "tests" / "e2e") in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def traces() -> Path:
    """The folder of recorded GPU traces that `THROUGHPUT_TRACES` names; without one the test is skipped."""
    folder = os.environ.get("THROUGHPUT_TRACES")
    if not folder:
        pytest.skip("GPU traces are too large for the repository: THROUGHPUT_TRACES names none")
    path = Path(folder)
    assert path.is_dir(), "THROUGHPUT_TRACES names a folder that is not there"
    return path
