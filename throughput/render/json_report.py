"""Turn a Report into report.json and back; the contract stands in model/report.schema.json."""

from __future__ import annotations

import numbers
import re
from typing import Any

import msgspec

from throughput.errors import DamagedFile, ThroughputError
from throughput.model.report import REPORT_SCHEMA, Report

SCHEMA_TITLE = "throughput report.json"
SCHEMA_DESCRIPTION = (
    "One profiled training run: verdict, throughput, split of the step time, hotspots and findings. "
    "Times ending in _ns or ns_per_step are nanoseconds, shares are 0..1, null is not measured. "
    "New optional fields do not raise `schema`; a reader refuses a newer one."
)
LARGEST = 200_000_000  # bytes; a real report is under 1 MB, and reading somebody's file must not fill memory
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class _Version(msgspec.Struct):
    schema: int


def report_to_json(report: Report) -> bytes:
    """Return the report as indented JSON in the order of its fields, ending with a newline.

    Raises:
        ThroughputError: a figure that must be a number is none (NaN or infinite).
    """
    try:
        packed = _encode(report)
    except UnicodeEncodeError:  # a file name in no encoding: its odd bytes become U+FFFD
        readable = _readable(msgspec.to_builtins(report, enc_hook=_plain_number))
        packed = _encode(msgspec.convert(readable, Report))
    # NaN and infinity are encoded as null: read back, so that one where a number must stand is caught here.
    try:
        msgspec.json.decode(packed, type=Report)
    except msgspec.ValidationError as error:
        raise ThroughputError(f"the report holds a figure that is no number: {error}") from error
    return msgspec.json.format(packed, indent=2) + b"\n"


def report_from_json(data: bytes) -> Report:
    """Return the report that `report_to_json` wrote.

    Raises:
        DamagedFile: it is no report, is damaged, or is of a newer schema.
    """
    if len(data) > LARGEST:
        raise DamagedFile("report.json is too large to be a report", hint="Profile the script again.")
    try:
        version = msgspec.json.decode(data, type=_Version).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"report.json can't be read: {error}", hint=_AGAIN) from error
    if version > REPORT_SCHEMA:
        raise DamagedFile(
            f"report.json is of schema {version}; this version reads up to {REPORT_SCHEMA}",
            hint="Upgrade throughput: pip install -U throughput",
        )
    try:
        return msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFile(f"report.json is damaged: {error}", hint=_AGAIN) from error


def report_schema() -> bytes:
    """Return the JSON Schema of report.json, as model/report.schema.json keeps it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA_TITLE,
        "description": SCHEMA_DESCRIPTION,
        **msgspec.json.schema(Report),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


_AGAIN = "Render the run again with `throughput report RUN`, or profile the script again."


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=_plain_number, order="deterministic")


def _plain_number(value: Any) -> Any:
    """Return a numpy scalar as a number of Python's."""
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"no place in a report for {type(value).__name__}")


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_readable(key): _readable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(inner) for inner in value]
    return value
