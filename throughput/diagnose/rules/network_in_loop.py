"""Finds requests over the network in the training loop or the data pipeline."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loading, spot
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.finding import Facts, Finding

NETWORK = re.compile(
    r"(^|site-packages/)(requests|urllib3|httpx|aiohttp|boto3|botocore|s3fs|gcsfs|fsspec|minio|paramiko)[/.]"
    r"|google[/.]cloud[/.]storage|huggingface_hub|(^|/)(http/client|urllib/request|ssl)\.py|urlopen\(|requests\.get\("
)
FIX = (
    "Copy the data to a local disk before training starts (huggingface_hub.snapshot_download, aws s3 "
    "sync), or read large shards ahead in a thread of each worker, so that no step waits for the network."
)


def check(facts: Facts) -> Finding | None:
    """See steps wait for HTTP, object storage or a model hub.

    Why it costs: a request takes 10 to 200 ms whatever its size, and object storage gives one connection
    some 50 MB/s.
    How to fix: download before training; stream large shards with many requests under way at once.
    When it is wrong: the data set is larger than any disk at hand; then more concurrent requests are the
    fix.
    Sources: ICSE'24 "Low GPU utilization" (remote read, external data); SPDL's documentation.
    """
    found = reading.matching(facts, reading.places(facts), NETWORK)
    return findings.at_places(facts, found, ("Steps wait for the network", FIX))


def _fires() -> tuple[Facts, ...]:
    get = loading("requests.get", 0.3, "site-packages/requests/api.py:73", caller="data.py:9")
    post = spot("wandb", 0.2, "site-packages/urllib3/connectionpool.py:500", caller="train.py:30")
    return (facts(places=(get,)), facts(places=(post,)))


def _quiet() -> tuple[Facts, ...]:
    return (facts(places=(loading("Images.__getitem__", 0.3),)), facts(places=(loading("httpx.get", 0.01),)))


RULE = SpecificRule(
    name="network-in-loop",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "slow-storage-read", "logging-in-loop", "python-overhead", "sleep-in-loop"),
)
