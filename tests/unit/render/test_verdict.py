"""Verdicts in words: the sentence with the culprit, tables, Markdown that stays text, JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.render.builders import HOSTILE
from throughput.model.verdict import CountRow, Form, Mark, OtherRow, Outcome, PartRow, SpotRow, Verdict
from throughput.render import verdict as words
from throughput.render.verdict_markdown import MOST_BYTES, verdict_markdown

LOADING = PartRow(
    component="data_loading", base_ns=18.8e6, head_ns=26.5e6, change=0.077, half=0.004, p_value=0.001,
    mark=Mark.CHANGED,
)  # fmt: skip
ROUND = SpotRow(
    name="round_pixels", file="augment.py", line=12, category="data_loading", process="training process",
    base_ns=2.1e6, head_ns=9.8e6, mark=Mark.CHANGED,
)  # fmt: skip
ITEM = CountRow(
    kind="operator", name="aten::_local_scalar_dense", where="train.py:88", base=1.0, head=2.0, exact=True
)


def made(outcome: Outcome = Outcome.SLOWER, **changes: Any) -> Verdict:
    found = Verdict(
        sentence="", outcome=outcome, form=Form.LOCKSTEP, base="main (0123abcd)", head="this code",
        threshold=0.05, ratio=1.077, low=1.07, high=1.084, base_ns=100e6, head_ns=107.7e6, values=5,
        sees=0.018,
        part=LOADING, spot=ROUND, parts=(LOADING,), spots=(ROUND,), seconds=61.0,
    )  # fmt: skip
    return words.worded(replace(found, **changes))


def said(verdict: Verdict) -> str:
    return verdict.sentence.replace("\u00a0", " ")


def test_slower_names_the_component_and_the_place() -> None:
    assert said(made()) == (
        "Slower by 7.7 % (+7.0 to +8.4 %): data loading +41 %, "
        "`round_pixels` (augment.py:12) went from 2.10 ms to 9.80 ms a step."
    )


def test_new_and_gone_places() -> None:
    assert "is new, 9.80 ms a step" in said(made(spot=replace(ROUND, base_ns=None, mark=Mark.NEW)))
    gone = replace(ROUND, head_ns=None, mark=Mark.GONE)
    faster = made(Outcome.FASTER, ratio=0.9, low=0.89, high=0.91, spot=gone)
    assert "is gone, it took 2.10 ms a step" in said(faster)


def test_not_slower_is_a_whole_answer() -> None:
    quiet = made(Outcome.SAME, ratio=1.011, low=0.981, high=1.042, part=None, spot=None)
    assert said(quiet) == "Not slower by 5 % or more: +1.1 % (−1.9 to +4.2 %)."


def test_cannot_tell_says_what_would() -> None:
    unsure = made(Outcome.UNSURE, ratio=1.031, low=0.996, high=1.065, part=None, spot=None, more=9)
    assert said(unsure) == "Can't tell at 5 %: +3.1 % (−0.4 to +6.5 %); about 9 more pairs would."
    assert "no reasonable number" in said(replace_sentence(unsure, more=None))
    stored = replace_sentence(unsure, more=None, form=Form.STORED)
    assert "check --base-ref" in said(stored)
    assert "about 2 more runs would" in said(replace_sentence(unsure, more=2, form=Form.STORED))
    assert "too few processes" in said(replace_sentence(unsure, low=None, high=None))


def replace_sentence(verdict: Verdict, **changes: Any) -> Verdict:
    return words.worded(replace(verdict, **changes))


def test_work_that_changed_is_named_where_no_place_is() -> None:
    unsure = made(Outcome.UNSURE, part=None, spot=None, counts=(ITEM,))
    assert "work changed: `aten::_local_scalar_dense` 1 → 2 a step, train.py:88" in said(unsure)
    strict = made(Outcome.SAME, part=None, spot=None, counts=(ITEM,), work_changed=True)
    assert said(strict).startswith("Work changed, and counts are strict.")
    graph = replace(ITEM, kind="compile", name="graph_breaks", where=None)
    assert "in the run" in words.count_lines(made(counts=(graph,)))[0]


@pytest.mark.parametrize(
    ("kind", "name", "said_"),
    [
        ("files", "files opened", "files opened 1,000 → 2,000 a step"),
        ("worker files", "files opened by workers", "files opened by workers 1,000 → 2,000 a batch"),
        ("worker call", "round_pixels", "`round_pixels` 1,000 → 2,000 a batch"),
        ("amount", "bytes pickled by workers", "bytes pickled by workers 1.00 kB → 2.00 kB a batch"),
        ("collective", "collective bytes", "collective bytes 1.00 kB → 2.00 kB a step"),
        ("device", "copies h2d bytes", "copies h2d bytes 1.00 kB → 2.00 kB a step"),
        ("call", "bytes", "`bytes` 1,000 → 2,000 a step"),
    ],
)
def test_counts_have_their_unit(kind: str, name: str, said_: str) -> None:
    row = replace(ITEM, kind=kind, name=name, where=None, base=1000.0, head=2000.0)
    (line,) = words.count_lines(made(counts=(row,)))
    assert line.replace("\u00a0", " ") == f"Work changed: {said_}"


def test_a_component_that_took_nothing_before_has_no_ratio() -> None:
    new = replace(LOADING, component="lock_contention", base_ns=0.0, head_ns=7.7e6)
    assert "lock contention +7.7" in said(made(part=new, spot=None))


def test_tables_and_lines() -> None:
    memory = OtherRow(name="memory peak", unit="bytes", base=5e8, head=7e8, tolerance=0.1, beyond=True)
    verdict = made(others=(memory,))
    (row,) = words.part_rows(verdict)
    assert (row.name, row.stands_out) == ("Data loading", True)
    assert row.difference.replace("\u00a0", " ") == "+7.7 % ± 0.4"
    assert words.spot_rows(verdict)[0].name == "round_pixels (augment.py:12)"
    assert words.other_lines(verdict)[0].replace("\u00a0", " ") == "memory peak: 500 MB → 700 MB (+40 %)"
    basis = words.basis(verdict).replace("\u00a0", " ")
    assert "5 pairs of fresh processes, in lockstep" in basis
    assert "sees changes of 1.8 % or more" in basis


def test_many_counts_are_cut_and_counted() -> None:
    lines = words.count_lines(made(counts=(ITEM,) * 30))
    assert len(lines) == words.COUNTS_SHOWN + 1
    assert lines[-1] == "18 more counts changed"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_json_reads_back(outcome: Outcome) -> None:
    found = json.loads(words.verdict_to_json(made(outcome, counts=(ITEM,))))
    assert found["schema"] == 1
    assert found["outcome"] == outcome.value
    assert found["sentence"]
    assert found["counts"][0]["where"] == "train.py:88"


texts = st.sampled_from(HOSTILE) | st.text(max_size=40)


@given(texts, texts, st.sampled_from(list(Outcome)))
def test_foreign_text_stays_text(name: str, note: str, outcome: Outcome) -> None:
    verdict = made(
        outcome,
        base=name,
        spot=replace(ROUND, name=name, file=name),
        spots=(replace(ROUND, name=name, file=name),) * 30,
        counts=(replace(ITEM, name=name, where=name),) * 30,
        notes=(note,) * 50,
    )
    text = verdict_markdown(verdict)
    assert len(text.encode()) <= MOST_BYTES + 10
    assert "\x1b" not in text
    # Within back-ticks it is shown, not obeyed; outside of them it is escaped.
    assert "<script" not in re.sub("`[^`\n]*`", "", text).replace("\\<", "")
    heads = [line for line in text.splitlines() if line.startswith("### ")]
    assert len(heads) == 1


def test_markdown_leads_with_the_verdict() -> None:
    text = verdict_markdown(made()).replace("\u00a0", " ")
    assert text.startswith("### ❌ Slower by 7.7 %")
    assert "`round_pixels`" in text
    assert "| part of a step | before | now | change of the step |  |" in text
    assert verdict_markdown(made(Outcome.UNSURE)).startswith("### ❔")
