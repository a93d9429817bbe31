"""What tensors hold: parameters, frozen ones too, gradients, an optimizer's state; each storage once."""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

import pytest
import torch

from tests.unit.collect.lock_runs import INPROCESS
from throughput.align.kept import read_tensors
from throughput.align.notes import Notes
from throughput.model.memory import Memory, TensorMemory
from throughput.render.memory import largest_batch, memory_rows

if str(INPROCESS) not in sys.path:
    sys.path.append(str(INPROCESS))
tensors: Any = importlib.import_module("throughput_inprocess.tensors")

FLOAT = 4
GB = 1_000_000_000
COUNTS = {
    "allocated_bytes.all.current": 3 * GB,
    "allocated_bytes.all.peak": 10 * GB,
    "reserved_bytes.all.current": 12 * GB,
    "reserved_bytes.all.peak": 13 * GB,
    "inactive_split_bytes.all.current": GB,
    "num_alloc_retries": 2,
    "num_ooms": 0,
}


def noted(monkeypatch: pytest.MonkeyPatch) -> tuple[TensorMemory, ...]:
    """Return what is read of the note that is written now."""
    notes: list[dict[str, Any]] = []
    monkeypatch.setattr(
        tensors.recorder, "note", lambda kind, **fields: notes.append({"kind": kind, **fields})
    )
    gc.collect()
    tensors.note()
    assert [note["kind"] for note in notes] == ["tensors"]
    return read_tensors(Notes(notes))


def test_a_model_with_its_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = [row for row in noted(monkeypatch) if row.device == "cpu"] or [
        TensorMemory(device="cpu", parameters_bytes=0, gradients_bytes=0, optimizer_bytes=0, other_bytes=0)
    ]
    model = torch.nn.Sequential(torch.nn.Linear(1000, 500, bias=False), torch.nn.Linear(500, 200, bias=False))
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.Adam(model[1].parameters())
    x = torch.ones(64, 1000)
    same = x[:32]
    model(x).sum().backward()  # type: ignore[no-untyped-call, unused-ignore]
    optimizer.step()
    (row,) = (row for row in noted(monkeypatch) if row.device == "cpu")
    trained = 500 * 200 * FLOAT
    assert row.parameters_bytes - before.parameters_bytes == 1000 * 500 * FLOAT + trained
    assert row.gradients_bytes - before.gradients_bytes == trained
    assert row.optimizer_bytes - before.optimizer_bytes == pytest.approx(2 * trained, abs=64)
    assert row.other_bytes - before.other_bytes == pytest.approx(x.numel() * FLOAT, abs=64)
    assert same.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert row.allocated_peak_bytes is None
    assert row.activations_bytes is None
    (shown,) = (
        value for title, value in memory_rows(Memory(tensors=(row,))) if title == "Tensors after a step"
    )
    assert shown.startswith("cpu: parameters ")


def test_a_device_s_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda index: COUNTS if index else {})
    (row,) = (row for row in noted(monkeypatch) if row.device == "cuda:1")
    assert (row.allocated_peak_bytes, row.reserved_peak_bytes) == (10 * GB, 13 * GB)
    assert (row.activations_bytes, row.split_bytes) == (10 * GB, GB)
    assert (row.retries, row.out_of_memory) == (2, 0)
    (shown,) = (v for title, v in memory_rows(Memory(tensors=(row,))) if title == "Allocated on cuda:1")
    for part in ("10.0", "13.0", "reserved", "2\N{NO-BREAK SPACE}times", "second point"):
        assert part in shown


def on_device(peak: float) -> Memory:
    row = TensorMemory(
        device="cuda:0",
        parameters_bytes=GB,
        gradients_bytes=GB,
        optimizer_bytes=2 * GB,
        other_bytes=0,
        allocated_peak_bytes=peak,
    )
    return Memory(tensors=(row,), device_total_bytes=80 * GB)


def test_two_batch_sizes_say_what_fits() -> None:
    said = largest_batch((on_device(8 * GB), 64.0), (on_device(6 * GB), 32.0)).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert "4.00 GB and 62.5 MB a sample" in said
    assert "some 1,216 samples fit into 80.0 GB" in said
    assert largest_batch((on_device(8 * GB), 32.0), (on_device(6 * GB), 32.0)) == ""
    assert largest_batch((on_device(5 * GB), 64.0), (on_device(6 * GB), 32.0)) == ""
    assert largest_batch((Memory(), 64.0), (on_device(6 * GB), 32.0)) == ""
    assert largest_batch((None, 64.0), (None, None)) == ""
