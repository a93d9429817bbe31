"""report.json: round trip, refusal of what is damaged, and the schema that the package carries."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.render import builders as b
from tests.unit.render.strategies import reports
from throughput.errors import DamagedFile, ThroughputError
from throughput.model.report import REPORT_SCHEMA, Report
from throughput.render.json_report import report_from_json, report_schema, report_to_json

SCHEMA = files("throughput.model").joinpath("report.schema.json").read_bytes()


def test_the_packaged_schema_is_the_one_of_the_model() -> None:
    assert report_schema() == SCHEMA, (
        "write throughput.render.json_report.report_schema() to report.schema.json"
    )
    assert json.loads(SCHEMA)["title"]


def test_round_trip_keeps_everything() -> None:
    made = b.report()
    assert report_from_json(report_to_json(made)) == made


def test_it_is_readable_and_stable() -> None:
    made = b.report(run=b.run(environment={"b": 1, "a": 2}))
    packed = report_to_json(made)
    assert packed == report_to_json(b.report(run=b.run(environment={"a": 2, "b": 1})))
    assert packed.startswith(b'{\n  "schema": 1,\n')
    assert packed.endswith(b"}\n")


@given(reports())
def test_any_report_is_written_as_the_schema_says_and_read_back(made: Report) -> None:
    packed = report_to_json(made)
    read = report_from_json(packed)
    assert report_to_json(read) == packed
    assert read.split == made.split or "\ufffd" in packed.decode()
    jsonschema.validate(json.loads(packed), json.loads(SCHEMA))


def test_numpy_numbers_are_numbers() -> None:
    made = b.report(startup_s=np.float64(2.5), run=b.run(script_exit_code=np.int64(3)))
    assert report_from_json(report_to_json(made)).run.script_exit_code == 3


def test_a_figure_that_is_no_number_is_refused() -> None:
    speed = replace(b.speed(), steps_per_s=math.nan)
    with pytest.raises(ThroughputError, match=r"no number.*steps_per_s"):
        report_to_json(b.report(throughput=speed))


def test_where_null_is_allowed_nan_becomes_null() -> None:
    made = b.report(startup_s=math.inf, run=b.run(environment={"x": math.nan}))
    packed = report_to_json(made)
    assert b"NaN" not in packed
    assert b"Infinity" not in packed
    assert json.loads(packed)["startup_s"] is None


def test_a_name_in_no_encoding_is_written() -> None:
    read = report_from_json(report_to_json(b.report(hotspots=(b.hotspot(name="odd\udc80"),))))
    assert read.hotspots[0].name == "odd\ufffd"


def test_a_newer_schema_is_refused() -> None:
    newer = json.loads(report_to_json(b.report()))
    newer["schema"] = REPORT_SCHEMA + 1
    newer["split"] = {"of": "another form"}
    with pytest.raises(DamagedFile, match=f"schema {REPORT_SCHEMA + 1}") as caught:
        report_from_json(json.dumps(newer).encode())
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_new_optional_fields_are_no_hindrance() -> None:
    more = json.loads(report_to_json(b.report()))
    more["later"] = {"a": 1}
    more["hotspots"][0]["later"] = 1
    assert report_from_json(json.dumps(more).encode()).hotspots[0].name == "numpy.round"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"schema": "1"}',
        b'{"schema": 1}',
        b"[" * 100_000,
        b'{"schema": 1, "split": [{"share": 1e999}]}',
    ],
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedFile) as caught:
        report_from_json(data)
    assert caught.value.exit_code == 4


@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=3))
def test_a_damaged_file_is_read_or_refused(at: int, junk: bytes) -> None:
    packed = bytearray(report_to_json(b.report()))
    at %= len(packed)
    packed[at : at + len(junk)] = junk
    try:
        read = report_from_json(bytes(packed))
    except DamagedFile:
        return
    assert isinstance(read, Report)


def test_a_prediction_out_of_order_is_damage() -> None:
    packed = json.loads(report_to_json(b.report()))
    packed["findings"][0]["prediction"]["low"] = 99
    with pytest.raises(DamagedFile, match="out of order"):
        report_from_json(json.dumps(packed).encode())
