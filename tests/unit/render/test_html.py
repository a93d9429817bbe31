"""report.html: what it shows, that hostile text is only text, and its budgets."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from hypothesis import given, settings

from tests.unit.render import builders as b
from tests.unit.render import timelines as t
from tests.unit.render.strategies import reports
from throughput.model.attribution import SlowSample
from throughput.model.report import Analysis, RankRow, Report
from throughput.render.html import ELEMENTS, POLICY, STATIC_BYTES, elements, report_html

ASSETS = files("throughput.render").joinpath("assets")
SCRIPT = ASSETS.joinpath("report.js").read_text(encoding="utf-8")

VOID = {"meta", "link", "br", "img", "path", "input", "hr"}
HOSTILE = " ".join(b.HOSTILE[:5])
STYLE = re.compile(
    r"((width|left):[\d.]+%;?)+"
    r"(background:linear-gradient\(90deg(,var\(--\w+\) [\d.]+%( [\d.]+%)?)+\))?|--p:\d+"
)


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def page_of(made: Report | Analysis) -> Page:
    return Page(report_html(made if isinstance(made, Analysis) else Analysis(report=made)))


def check_inert(page: Page) -> None:
    assert not page.open
    assert not {"iframe", "object", "embed", "base", "img", "link", "audio", "video"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert page.tags.count("form") == 1, "closes the dialog of keys, and sends nothing"
    assert not [name for name, _ in page.attributes if name in ("action", "formaction")]
    assert page.scripts[-1] == SCRIPT
    assert all(re.fullmatch(r"[A-Za-z0-9+/=\s]*", data) for data in page.scripts[:-1])
    assert page.tags.count("script") == len(page.scripts)
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action")]
    assert all(re.fullmatch(r"#[a-z]+(-\d+)?", link) for link in links)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)
    styles = [value for name, value in page.attributes if name == "style"]
    assert all(STYLE.fullmatch(style) for style in styles)


def static_bytes(page: Page, raw: str) -> int:
    """Return the size of what shows without the script: all but it and what it reads."""
    return len(raw.encode()) - sum(len(data.encode()) for data in page.scripts)


def test_it_says_what_matters() -> None:
    page = page_of(t.analysis())
    for words in (
        "Data loading is the bottleneck: it takes 59 % of each step",
        "1,597 samples/s",
        "numpy.round",
        "called by Elastic.__call__ data/augment.py:48, in DataLoader workers",
        "return np.round(img, 3)",
        "at most 1.45x",
        "A typical step: step 22, 100 ms",
        "The slowest step: step 20, 300 ms",
        "waiting for a lock 120 ms",
        "made at stats.py:12, held at stats.py:40",
        "A batch is ready when asked for 41 % of the time",
        "GPU 0 utilization (NVML) mean 27 %, peak 45 %",
        "gaps: not measured",
        "gpu: unavailable, no NVIDIA driver. Install one.",
        "95 %, block bootstrap over steps",
        "not applicable: no device",
        "0 to 3 ms few samples",
    ):
        assert words in page.text, words
    assert "Read back from swap" not in page.text
    check_inert(page)


def test_the_policy_allows_our_script_alone_and_no_network() -> None:
    page = report_html(t.analysis())
    assert page.index("Content-Security-Policy") < page.index("<style>")
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = POLICY.format(f"sha256-{digest}")
    assert escape(policy).replace("&#x27;", "&#39;") in page
    assert policy.startswith(
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src"
    )
    assert not re.search(r"url\(|@import", page)
    assert set(re.findall(r"https?://[^\"'`/]+", page)) <= {"https://www.speedscope.app"}


def test_hostile_names_are_text() -> None:
    split = tuple(
        replace(row, reason=HOSTILE) if row.share is None else row for row in b.cpu_split(compute=0.9)
    )
    hot = b.hotspot(
        name=HOSTILE,
        file=HOSTILE,
        function=HOSTILE,
        thread=HOSTILE,
        process="other",
        source=(replace(b.hotspot().source[2], text=HOSTILE),),
    )
    found = b.finding(title=HOSTILE, rule=HOSTILE, fix=HOSTILE, evidence=(HOSTILE,))
    made = b.report(
        split=split,
        hotspots=(hot,),
        findings=(found,),
        notes=(HOSTILE,),
        locks=(b.lock_summary(holder=HOSTILE),),
        run=b.run(command=(HOSTILE,), environment={HOSTILE: HOSTILE, "env": {HOSTILE: HOSTILE}}),
    )
    raw = report_html(t.analysis(made))
    page = Page(raw)
    check_inert(page)
    assert "\x1b" not in raw
    assert page.text.count("</script><script>window.__pwned=1</script>") > 8
    assert "{{ 7 * 7 }}{% raw %}" in page.text


def test_no_absolute_path_is_shown() -> None:
    made = b.report(
        run=b.run(command=("/srv/ann/secret/train.py",), environment={"python": "/srv/ann/venv/bin/python"}),
        notes=("can't read /srv/ann/x.py",),
        hotspots=(b.hotspot(file="/srv/ann/lib/python3.11/site-packages/numpy/a.py", caller=None),),
    )
    assert "/srv" not in report_html(Analysis(report=made))


@settings(max_examples=60)
@given(reports())
def test_any_report_is_inert_and_within_the_budgets(made: Report) -> None:
    raw = report_html(Analysis(report=made))
    page = Page(raw)
    check_inert(page)
    assert static_bytes(page, raw) <= STATIC_BYTES
    assert len(page.tags) == elements(raw) <= ELEMENTS
    assert not [char for char in raw.replace(SCRIPT, "") if ord(char) < 32 and char != "\n"]
    assert not re.search(
        r"\b(nan|inf|None)\b", " ".join(v for n, v in page.attributes if n in ("style", "d"))
    )


def test_the_largest_report_is_within_the_budgets() -> None:
    text = "<&'\"é漢" * 400
    line = replace(b.hotspot().source[2], text=text)
    hot = b.hotspot(name=text, file=text, function=text, thread=text, process=text, source=(line,) * 13)
    found = b.finding(title=text, fix="\n".join([text] * 50), evidence=(text,) * 9, rule=text)
    made = b.report(
        hotspots=(hot,) * 60,
        findings=(found,) * 40,
        notes=tuple(f"{n}{text}" for n in range(90)),
        locks=(b.lock_summary(holder=text, waiters=(text,) * 50),) * 90,
        ranks=tuple(
            RankRow(rank=n, host=text, split=b.cpu_split(compute=1), throughput=b.speed()) for n in range(99)
        ),
        run=b.run(command=(text,), environment={f"{n}{text}": text for n in range(99)}),
        loader=b.loader(per_worker_made_ns=(1e6,) * 500),
    )
    raw = report_html(t.analysis(made))
    assert static_bytes(Page(raw), raw) <= STATIC_BYTES
    assert elements(raw) <= ELEMENTS
    assert "more in report.json" in raw
    check_inert(Page(raw))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"throughput": None}, "No step was timed"),
        ({"hotspots": ()}, "No place costs a measurable part of a step."),
        ({"findings": (), "rules": ()}, "No rules were run."),
        ({"locks": None}, "Locks were not measured."),
        ({"locks": ()}, "No thread was seen to wait for a lock."),
        ({"loader": None}, "No data loader was seen in the window."),
        ({}, "The raw files of the run were not at hand when this page was made, so no step is drawn."),
    ],
)
def test_an_empty_section_says_why(changes: dict[str, object], words: str) -> None:
    page = page_of(b.report(**changes))
    assert words in page.text
    check_inert(page)


def test_empty_timelines_say_why() -> None:
    page = page_of(t.analysis(steps=(), counters=()))
    assert "No clean step was seen, so none is drawn." in page.text
    assert "No counter was read while the measured steps ran." in page.text


def test_the_gpu_is_busy_only_where_kernels_were_timed() -> None:
    assert "GPU busy 25 %" in page_of(b.report(split=b.gpu_split(compute=0.25, data_loading=0.75))).text
    assert "GPU busy" not in page_of(b.report()).text


def test_a_loader_without_workers_shows_nothing_of_workers() -> None:
    page = page_of(b.report(loader=b.loader(num_workers=0, busy_share=None)))
    assert "none: the training thread makes its batches" in page.text
    assert "A worker is busy" not in page.text


def test_the_slowest_samples_and_the_reads_are_in_the_page() -> None:
    slow = (SlowSample(index=812, fetch_ns=310_000_000, worker=None),)
    text = page_of(b.report(loader=b.loader(slowest=slow, reads=b.reads()))).text.replace("\u00a0", " ")
    assert "812 (310 ms)" in text
    assert "120 MB/s, 97 % of it from the page cache" in text


def test_a_long_line_of_a_fix_is_whole() -> None:
    fix = "Run alone: " + "stop the other jobs or reserve CPUs " * 8 + "THE END"
    assert fix in page_of(b.report(findings=(b.finding(fix=fix),))).text


def test_ranks_are_shown_beside_each_other() -> None:
    rows = tuple(
        RankRow(rank=n, host="node-1", split=b.cpu_split(compute=1), throughput=None) for n in (0, 1)
    )
    assert "Others wait for it" in page_of(b.report(ranks=rows)).text
    assert "Imposes on others" not in page_of(b.report(ranks=rows[:1])).text
