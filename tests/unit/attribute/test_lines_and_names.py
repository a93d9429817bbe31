"""Which calls stand on a line, where a stack points, and what the place is called."""

from __future__ import annotations

import pytest

from tests.unit.attribute.scenes import FETCH, LOADER, MAIN, MATMUL, TRAIN, WORKER_LOOP, library, own
from throughput.attribute.lines import SourceIndex
from throughput.attribute.naming import fold, public_name
from throughput.model.timeline import Frame

CLEANING = """\
import numpy as np
import torch.nn.functional as F
from torch import nn, optim as o
from json import dumps as write
from . import neighbour

def clean(values):
    values = np.round(values, 3); total = values.sum()
    return F.pad(
        values,
        (1, 1),
    )

def other(x):
    write(x)
    return neighbour.round(x) + x.round()
"""


def index(text: str = CLEANING) -> SourceIndex:
    return SourceIndex({"cleaning.py": dict(enumerate(text.split("\n"), 1))})


def clean(line: int) -> Frame:
    return own("clean", line, "cleaning.py")


def test_calls_have_the_names_of_their_modules() -> None:
    lines = index()
    assert lines.calls(clean(8)) == {"numpy.round", "values.sum"}
    assert lines.calls(clean(15)) == {"json.dumps"}
    assert lines.calls(clean(16)) == {"neighbour.round", "x.round"}
    assert lines.calls(clean(1)) == frozenset()


def test_a_call_over_several_lines_stands_on_each() -> None:
    lines = index()
    for number in (9, 10, 11, 12):
        assert lines.calls(clean(number)) == {"torch.nn.functional.pad"}


def test_a_name_needs_an_import_to_be_believed() -> None:
    lines = index()
    assert lines.name_of_call(clean(8), "round") == "numpy.round"
    assert lines.name_of_call(clean(8), "sum") is None  # a method of something unknown
    assert lines.name_of_call(clean(16), "round") is None
    assert lines.name_of_call(clean(9), "missing") is None


def test_the_only_call_into_a_package() -> None:
    lines = index()
    assert lines.only_call_of(clean(8), "numpy") == "numpy.round"
    assert lines.only_call_of(clean(8), "torch") is None
    assert lines.only_call_of(clean(16), "neighbour") is None


@pytest.mark.parametrize("text", ["def broken((", "\x00", "", "(" * 5_000])
def test_source_that_is_no_python_has_no_calls(text: str) -> None:
    assert index(text).calls(clean(1)) == frozenset()


def test_a_file_that_was_not_stored() -> None:
    assert SourceIndex({}).calls(clean(8)) == frozenset()
    assert SourceIndex({}).text("cleaning.py", 8) is None


ROUND = library("round", "numpy/_core/fromnumeric.py")
WRAPFUNC = library("_wrapfunc", "numpy/_core/fromnumeric.py")


def test_library_frames_fold_into_the_first_call() -> None:
    found = fold((MAIN, TRAIN, clean(8), ROUND, WRAPFUNC), index())
    assert found is not None
    assert (found.frame, found.caller, found.name) == (ROUND, clean(8), "numpy.round")


def test_a_call_is_named_as_the_line_writes_it() -> None:
    pad = library("_pad", "torch/nn/functional.py")
    found = fold((MAIN, clean(9), pad), index())
    assert found is not None
    assert found.name == "torch.nn.functional.pad"


def test_own_code_points_at_itself() -> None:
    found = fold((MAIN, TRAIN, clean(8)), index())
    assert found is not None
    assert (found.frame, found.caller, found.name) == (clean(8), TRAIN, "clean")
    alone = fold((MAIN,), index())
    assert alone is not None
    assert alone.caller is None


def test_own_code_below_a_library_is_the_place() -> None:
    item = own("Recordings.__getitem__", 12, "data.py")
    found = fold((MAIN, TRAIN, LOADER, FETCH, item), index())
    assert found is not None
    assert (found.frame, found.caller) == (item, TRAIN)


def test_plumbing_is_skipped() -> None:
    call = library("Module._call_impl", "torch/nn/modules/module.py")
    found = fold((MAIN, TRAIN, call, MATMUL), index())
    assert found is not None
    assert found.frame == MATMUL
    assert found.name == "torch.nn.Linear.forward"


def test_only_plumbing_points_at_its_end() -> None:
    found = fold((MAIN, TRAIN, LOADER, FETCH), index())
    assert found is not None
    assert (found.frame, found.caller) == (FETCH, TRAIN)


def test_what_started_a_worker_is_not_its_caller() -> None:
    collate = library("collate", "torch/utils/data/_utils/collate.py")
    stack = library("stack", "torch/functional.py")
    found = fold((MAIN, TRAIN, LOADER, WORKER_LOOP, FETCH, collate, stack), index())
    assert found is not None
    assert (found.frame, found.caller) == (stack, None)
    item = own("Recordings.__getitem__", 12, "data.py")
    below = fold((MAIN, TRAIN, LOADER, WORKER_LOOP, FETCH, item, ROUND), index())
    assert below is not None
    assert (below.frame, below.caller, below.name) == (ROUND, item, "numpy.round")


def test_nothing_to_fold() -> None:
    assert fold((), index()) is None


@pytest.mark.parametrize(
    ("function", "file", "name"),
    [
        ("round", "numpy/_core/fromnumeric.py", "numpy.round"),
        ("norm", "numpy/linalg/_linalg.py", "numpy.linalg.norm"),
        ("_mean", "numpy/_core/_methods.py", "numpy.ndarray.mean"),
        ("Linear.forward", "torch/nn/modules/linear.py", "torch.nn.Linear.forward"),
        ("relu", "torch/nn/functional.py", "torch.nn.functional.relu"),
        ("adam", "torch/optim/adam.py", "torch.optim.adam.adam"),
        ("Image.open", "PIL/Image.py", "PIL.Image.Image.open"),
        ("dumps", "json/__init__.py", "json.dumps"),
    ],
)
def test_public_names(function: str, file: str, name: str) -> None:
    assert public_name(library(function, file)) == name
