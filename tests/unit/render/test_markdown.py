"""report.md: small, and foreign text in it is text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from tests.unit.render import builders as b
from tests.unit.render.strategies import reports
from throughput.model.attribution import SlowSample
from throughput.model.report import Report
from throughput.render.markdown import MOST_BYTES, report_markdown


def test_it_says_what_matters() -> None:
    text = report_markdown(b.report()).replace("\u00a0", " ")
    for words in (
        "# Data loading is the bottleneck: it takes 59 % of each step\n",
        "Throughput: **1,597 samples/s** (6.25 steps/s, 6.1 to 6.4)",
        "| Data loading | 59 % ± 1 | 94 ms | timer |",
        "| Copy to the device | – | – | not applicable: no device |",
        "| 1 | `numpy.round` | `Elastic.__call__ data/augment.py:48`, in DataLoader workers |",
        "Lock self.\\_lock, made at stats.py:12, held at stats.py:40, waited for at train.py:88",
        "1. **A transform takes most of the time of a batch**, at most 1.45x",
        "   ```\n   Round once when the data set is made:\n       images = np.round(images, 3)\n   ```\n",
        "- gpu: unavailable, no NVIDIA driver. Install one.",
    ):
        assert words in text, words


@given(reports())
def test_any_report_stays_small_and_whole(made: Report) -> None:
    text = report_markdown(made)
    assert len(text.encode()) <= MOST_BYTES
    assert text.startswith("# ")
    assert text.endswith("\n")
    assert not [char for char in text if ord(char) < 32 and char != "\n"]
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    columns = {line.replace("\\|", "").count("|") for line in tables}
    assert columns <= {5, 7}


def test_the_largest_report_is_cut() -> None:
    text = "漢<|`" * 1000
    hot = b.hotspot(name=text, file=text, function=text, thread=text, process=text, caller=None)
    made = b.report(
        hotspots=(hot,) * 60,
        findings=(b.finding(title=text, fix="\n".join([text] * 99), evidence=(text,) * 9),) * 40,
        notes=tuple(f"{n}{text}" for n in range(90)),
        split=tuple(replace(b.row(row.category, None), reason=text) for row in b.cpu_split()),
        run=b.run(command=(text,)),
    )
    cut = report_markdown(made)
    assert len(cut.encode()) <= MOST_BYTES
    assert "more in report.json." in cut


def test_foreign_text_is_not_markup() -> None:
    hostile = "<img src=x onerror=alert(1)> [a](javascript:b) **c** | `d` # e"
    text = report_markdown(b.report(notes=(hostile,), hotspots=(b.hotspot(name="a`|b"),)))
    assert "<img" not in text
    assert "\\[a\\](javascript:b) \\*\\*c\\*\\* \\| \\`d\\` \\# e" in text
    assert "`a'¦b`" in text


def test_a_fix_cannot_close_its_block() -> None:
    text = report_markdown(b.report(findings=(b.finding(fix="```\n# escaped\n````"),)))
    assert text.count("   `````\n") == 2


def test_the_slowest_samples_and_where_reads_came_from() -> None:
    assert "## Data loader" not in report_markdown(b.report())
    slow = tuple(SlowSample(index=n, fetch_ns=n * 1_000_000, worker=n % 2) for n in (812, 44))
    reads = b.reads()
    text = report_markdown(b.report(loader=b.loader(sample_ns=2e6, slowest=slow, reads=reads)))
    for words in (
        "- A sample takes, on average: 2.00 ms",
        "- Slowest samples, by index: 812 (812 ms in worker 0), 44 (44.0 ms in worker 0)",
        "- Read: 120 MB/s, 97 % of it from the page cache",
        "- Data files seen: at least 180 GB in 12 files; memory: 64.0 GB",
    ):
        assert words in text.replace("\u00a0", " "), words
    no_share = replace(reads, memory_share=None, reason="x")
    unknown = b.loader(slowest_reason="not applicable: <b>", reads=no_share)
    text = report_markdown(b.report(loader=unknown)).replace("\u00a0", " ")
    assert "- Slowest samples, by index: not applicable: &lt;b&gt;" in text
    assert "- Read from the page cache: not measured: x" in text
