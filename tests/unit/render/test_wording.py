"""Sentences that renderers share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.render import builders as b
from throughput.model.category import CATEGORIES, Category, State
from throughput.model.finding import Prediction, RuleResult
from throughput.model.report import Budget
from throughput.model.run import CollectorStatus, Window
from throughput.render import view


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\nb\tc\r", "a b c\\x0d"),
        ("odd\udc80", "odd\\udc80"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("no\u00a0break 漢字", "no\u00a0break 漢字"),
    ],
)
def test_foreign_text_is_inert(text: str, shown: str) -> None:
    assert view.plain(text) == shown


def test_long_text_is_cut_in_the_middle() -> None:
    assert view.plain("a" * 50 + "end", 11) == "aaaaa…aaend"
    assert len(view.plain("x" * 1000, 64)) == 64


def test_every_category_has_both_labels() -> None:
    for device in (True, False):
        for short in (True, False):
            assert len({view.label(c, has_device=device, short=short) for c in CATEGORIES}) == len(CATEGORIES)


def test_compute_says_whose() -> None:
    assert view.label(Category.COMPUTE, has_device=False) == "CPU compute"
    assert view.label(Category.COMPUTE, has_device=True) == "GPU compute"


def test_groups_keep_the_whole() -> None:
    split = b.cpu_split(data_loading=0.5, compute=0.2, host_work=0.2, idle=0.1)
    groups = view.groups(split, has_device=False)
    assert [group.key for group in groups] == ["data", "h2d", "gpu", "lock", "other"]
    assert sum(group.share or 0 for group in groups) == pytest.approx(1)
    assert sum(len(group.rows) for group in groups) == len(split)
    assert groups[1].share is None
    assert groups[4].share == pytest.approx(0.3)
    assert groups[4].rows[0].category is Category.HOST_WORK


def test_a_device_is_seen_in_the_split() -> None:
    assert not view.has_device(b.cpu_split(compute=1))
    assert view.has_device(b.gpu_split(compute=1))
    assert not view.has_device(())


def test_a_row_without_a_figure_says_why() -> None:
    row = b.row(Category.HOST_TO_DEVICE, None, state=State.NOT_APPLICABLE, reason="no device")
    assert view.row_share(row) == ("not applicable: no device", "")
    partial = b.row(Category.IDLE, 0.1, state=State.PARTIAL, reason="no stacks")
    assert view.state_reason(partial) == "partly measured: no stacks"
    zero = b.row(Category.IDLE, 0.0)
    assert view.row_share(zero)[0] == "0\u00a0%"


def test_hotspot_words() -> None:
    assert view.where_it_runs(b.hotspot()) == "in DataLoader workers"
    assert view.where_it_runs(b.hotspot(process="training process")) == "training thread"
    assert view.where_it_runs(b.lock_hotspot()) == "thread stats-writer"
    assert view.caller(b.hotspot()) == "Elastic.__call__ data/augment.py:48"
    assert spaced(" ".join(view.hotspot_time(b.hotspot()))) == "50 ms ± 2"
    own = b.hotspot(name="load", function="load", file="data.py", line=7)
    assert view.called(own) == "load at data.py:7"
    above = "called by Elastic.__call__ data/augment.py:48"
    assert view.spot_places(own) == ("data.py:7", "in DataLoader workers", above)
    assert view.spot_places(b.hotspot())[0] == above
    few = b.hotspot(samples=7, ns_per_step=4e6, share=0.025, low=0.0025, high=0.032)
    assert spaced(" ".join(view.hotspot_time(few))) == "0 to 5 ms few samples"
    assert view.lock(b.lock_summary().places) == (
        "Lock self._lock",
        "made at stats.py:12",
        "held at stats.py:40",
        "waited for at train.py:88",
    )


def test_an_absolute_path_is_shortened() -> None:
    assert view.place("/opt/py/lib/site/a/b/c.py", 3) == "…/a/b/c.py:3"
    assert view.place("/srv/ann/train.py", 3) == "…/train.py:3"
    assert view.place("data/augment.py", 48) == "data/augment.py:48"
    assert view.place("data/augment.py", 0) == "data/augment.py"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "train.py --data=/srv/ann/sets/imagenet --out /scratch/ann",
            "train.py --data=…/sets/imagenet --out …/ann",
        ),
        ("mount a larger /dev/shm, see https://host/a/b", "mount a larger /dev/shm, see https://host/a/b"),
        ("12 steps/s and/or 3 / 4", "12 steps/s and/or 3 / 4"),
        ("can't read '/opt/x/y/z/v.py'", "can't read '…/y/z/v.py'"),
    ],
)
def test_absolute_paths_in_text_are_shortened(text: str, shown: str) -> None:
    assert view.relative(text) == shown


def test_the_command_begins_with_the_script() -> None:
    assert view.command(b.run(command=("/opt/a/b/bin/python3.11", "-m", "pkg.train"))) == "-m pkg.train"
    assert view.command(b.run(command=("python",))) == "python"


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("bound", "at most 1.80x"),
        ("replay", "1.40x (1.20x to 1.80x, predicted by replay)"),
        ("experiment", "1.40x (1.20x to 1.80x, measured)"),
    ],
)
def test_gain(basis: str, words: str) -> None:
    assert view.gain(Prediction(speedup=1.4, low=1.2, high=1.8, basis=basis)) == words
    assert view.gain(None) == ""


def test_window() -> None:
    whole = Window(asked=200, kept=200, warmup=12, dropped=5, clean=150)
    assert (
        spaced(view.window(whole)) == "200 of 200 steps asked for, 150 clean; 12 warm-up and 5 dropped on top"
    )
    assert spaced(view.window(Window(asked=1))) == "0 of 1 step asked for, 0 clean"


def test_how_a_run_ended() -> None:
    assert view.ended(b.run()) == ""
    assert "interrupted" in view.ended(b.run(ended="interrupted")).lower()
    assert view.ended(b.run(ended="crashed", script_exit_code=1)).endswith("(exit code 1)")
    assert view.ended(b.run(script_exit_code=3)) == "The script ended (exit code 3)"


def test_notes_hold_the_collectors_that_failed() -> None:
    notes = view.notes(b.report())
    assert "gpu: unavailable, no NVIDIA driver. Install one." in notes
    assert "py-spy ran at 250 Hz" in notes
    assert not any(note.startswith("light") for note in notes)
    lacking = CollectorStatus(name="light", state="partial", reason="torch 9.9 has no x")
    assert "light: partial, torch 9.9 has no x" in view.notes(b.report(run=b.run(collectors=(lacking,))))
    failed = b.report(rules=(RuleResult(rule="gc-pauses", state="error", reason="KeyError"),))
    assert any("gc-pauses" in note for note in view.notes(failed))


def test_collector_line_holds_its_cost() -> None:
    status = CollectorStatus(name="cProfile", state="ok", overhead_ratio=1.9)
    assert view.collector(status) == "cProfile: ok, its steps take 1.90x the plain time"


def test_no_findings_tells_silence_from_ignorance() -> None:
    quiet = tuple(RuleResult(rule=f"r{n}", state="quiet") for n in range(3))
    absent = (RuleResult(rule="item-sync", state="not_applicable", reason="no device"),)
    made = b.report(findings=())
    assert spaced(view.no_findings(replace(made, rules=(*quiet, *absent)))) == (
        "Nothing worth fixing: 3 rules looked and found nothing. 1 rule did not apply to this run."
    )
    assert view.no_findings(replace(made, rules=absent)) == "No rule could be checked on this run."
    assert view.no_findings(replace(made, rules=())) == "No rules were run."


def test_budget() -> None:
    value = Budget(
        seconds=43_200,
        steps_now=270_000.4,
        steps_after=391_500,
        samples_now=None,
        samples_after=None,
        epochs_now=2.5,
        epochs_after=3.6,
    )
    assert spaced(view.budget(value)) == (
        "In 12.0 h: 2.50 epochs (at most 3.60 after the first fix), "
        "270,000 steps (at most 391,500 after the first fix)"
    )
