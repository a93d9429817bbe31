"""Turn a saved benchmark into its file, sorted and indented for a diff, and back."""

from __future__ import annotations

import msgspec

from throughput.errors import DamagedFile
from throughput.model.benchmark import BENCHMARK_SCHEMA, Benchmark

LARGEST = 20_000_000
"""Bytes; an honest one has some 50 kB, and reading somebody's file must not fill memory."""
AGAIN = "Restore it from version control, or save it again with `throughput save RUN... --name NAME`."


def benchmark_to_json(benchmark: Benchmark) -> bytes:
    """Return the benchmark as indented JSON with sorted keys, ending with a newline."""
    packed = msgspec.json.encode(benchmark, order="sorted")
    return msgspec.json.format(packed, indent=1) + b"\n"


def benchmark_from_json(data: bytes, name: str) -> Benchmark:
    """Return the benchmark that a file holds; `name` is for the message.

    Raises:
        DamagedFile: it is empty, cut off, no benchmark, too large, or of a newer schema.
    """
    if not data.strip():
        raise DamagedFile(f"{name} is empty.", hint=AGAIN)
    if len(data) > LARGEST:
        raise DamagedFile(f"{name} is too large to be a saved benchmark.", hint=AGAIN)
    try:
        plain = msgspec.json.decode(data)
        schema = plain["schema"]
        if not isinstance(schema, int) or isinstance(schema, bool):
            raise TypeError("its schema is no number")
    except KeyError:
        raise DamagedFile(f"{name} is no saved benchmark: it has no schema number.", hint=AGAIN) from None
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise DamagedFile(f"{name} is damaged: {error}.", hint=AGAIN) from None
    if schema > BENCHMARK_SCHEMA:
        raise DamagedFile(
            f"{name} was saved by a newer throughput (schema {schema}; this reads up to {BENCHMARK_SCHEMA}).",
            hint="Upgrade throughput: pip install -U throughput.",
        )
    try:
        found = msgspec.convert(plain, Benchmark)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DamagedFile(f"{name} is damaged: {error}.", hint=AGAIN) from None
    if not found.processes or any(sample.mean_ns <= 0 for sample in found.processes):
        raise DamagedFile(f"{name} is damaged: it holds no timed process.", hint=AGAIN)
    return found
