"""A redacted run names no machine, person or folder, and still says which line of which file."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.collect.redact import Redaction, redact, redact_argument, redact_text, redaction_for

# Every literal path below is input of the test.
HOME = "/home/jane"  # literal path
RUN: dict[str, Any] = {
    "schema": 1,
    "run_id": "r1",
    "command": [
        f"{HOME}/venv/bin/python3.11",
        f"{HOME}/my proj/train.py",
        "--data",
        f"{HOME}/data/imagenet",
        "--out=results/run 1",
        "--lr=0.1",
        "--model",
        "resnet50",
        "--master-addr=10.1.2.3",
        "--url",
        "s3://bucket/x",
        "--node",
        "gpu01",
    ],
    "script": "../my proj/train.py",
    "script_dir": f"{HOME}/my proj",
    "cwd": f"{HOME}/runs",
    "environment": {
        "hostname": "gpu01.corp.example",
        "kernel": "Linux 6.1",
        "user": "jane",
        "python": f"{HOME}/venv/bin/python3.11",
        "env": {"OMP_NUM_THREADS": "4", "LD_PRELOAD": "/opt/lib/libjemalloc.so"},  # literal path
    },
    "collectors": [
        {"name": "gpu", "reason": f"{HOME}/runs/raw/gpu.jsonl can't be written", "overhead_ratio": 1.0}
    ],
    "code": {
        "modules_sha256": {f"{HOME}/my proj/data/ops.py": "ab"},
        "diff": "--- a/train.py\n+++ /dev/null\n+# by jane, 50 steps/s\n",
    },
    "notes": [
        "set /proc/sys/kernel/yama/ptrace_scope; jane@gpu01: /mnt/nfs/jane/set.npz, or C:\\Users\\jane\\x.py"
    ],
}


def test_a_run() -> None:
    redacted = redact(RUN, redaction_for(RUN))
    assert redacted["command"] == [
        "python3.11", "train.py", "--data", "<path>", "--out=<path>", "--lr=0.1", "--model", "resnet50",
        "--master-addr=<address>", "--url", "<url>", "--node", "host-0",
    ]  # fmt: skip
    assert redacted["script_dir"] == redacted["cwd"] == "."
    assert redacted["environment"] == {
        "hostname": "host-0",
        "kernel": "Linux 6.1",
        "user": "user",
        "python": ".../python3.11",
        "env": {"OMP_NUM_THREADS": "4", "LD_PRELOAD": ".../libjemalloc.so"},
    }
    assert redacted["collectors"][0]["reason"] == "raw/gpu.jsonl can't be written"
    assert redacted["code"]["modules_sha256"] == {"data/ops.py": "ab"}
    assert redacted["code"]["diff"] == "--- a/train.py\n+++ /dev/null\n+# by user, 50 steps/s\n"
    assert redacted["notes"] == [
        "set /proc/sys/kernel/yama/ptrace_scope; user@host-0: .../set.npz, or .../x.py"
    ]
    assert redacted["schema"] == 1
    for name in ("jane", "gpu01", "corp", "/home", "/mnt", "imagenet"):
        assert name not in json.dumps(redacted)
    assert redact(redacted, redaction_for(redacted)) == redacted


def test_a_report_of_two_machines() -> None:
    report = {"ranks": [{"rank": 0, "host": "gpu01"}, {"rank": 1, "host": "gpu02"}], "who": "gpu02: late"}
    redacted = redact(report, redaction_for(RUN, report))
    hosts = [row["host"] for row in redacted["ranks"]]
    assert len(set(hosts)) == 2
    assert all(host.startswith("host-") for host in hosts)
    assert redacted["who"] == f"{hosts[1]}: late"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"{HOME}/venv/lib/python3.11/site-packages/numpy/core/a.py:12", "site-packages/numpy/core/a.py:12"),
        ("/usr/lib/python3.11/json/decoder.py", "python3.11/json/decoder.py"),  # literal path
        ("/usr/lib/python3/dist-packages/torch/x.py", "site-packages/torch/x.py"),  # literal path
        ("/Users/jane/My Code/site-packages/a b.py", "site-packages/a b.py"),  # literal path
        ("/Volumes/My Disk/train it.py", ".../train it.py"),
        ("at file:///data/x/y.py line 3", "at .../y.py line 3"),
        ("~/x/y.py and ~jane/z.npz", ".../y.py and .../z.npz"),
        ("PATH=/a1/b:/c/d", "PATH=.../b:.../d"),
        ("<b>/srv/x</b> and </b>", "<b>.../x</b> and </b>"),
        ("12 steps/s, 3/4, and/or, n/a, 1 / 2, https://pytorch.org/docs/x.html", None),
        ("a/train.py b/data/x.py ./x ../y", None),
        ("/proc/<pid>/task/*/schedstat, /dev/shm, /sys/fs/cgroup/cpu.max.", None),
        ("trainjane.py, gpu012", None),
    ],
)
def test_texts(text: str, redacted: str | None) -> None:
    redaction = Redaction(people=("jane",), hosts=(("gpu01", "host-0"),))
    result = redact_text(text, redaction)
    assert result == (text if redacted is None else redacted)
    assert redact_text(result, redaction) == result


def test_a_folder_is_no_prefix_of_its_neighbour() -> None:
    redaction = Redaction(script_dir="/data/proj", cwd="/data")
    assert (
        redact_text("/data/proj/a.py /data/proj2/b.py /data/proj /data", redaction) == "a.py proj2/b.py . ."
    )


def test_arguments() -> None:
    redaction = Redaction(script_dir="/data/proj", script="src/train.py")
    assert redact_argument("src/train.py", redaction) == "train.py"
    assert redact_argument("/data/proj/pkg/train.py", redaction) == "pkg/train.py"
    assert redact_argument("/elsewhere/train.py", redaction) == "<path>"
    assert redact_argument("org/model", redaction) == "<path>"
    assert redact_argument("--config=~/c.yml", redaction) == "--config=<path>"
    assert redact_argument("D:\\data", redaction) == "<path>"
    assert redact_argument("", redaction) == ""


def test_accounts_that_identify_nobody_stay_words() -> None:
    run = {"script_dir": "/home/ubuntu/x", "environment": {"hostname": "localhost"}}  # literal path
    redaction = redaction_for(run)
    assert not redaction.people
    assert not redaction.hosts
    assert redact_text("the root of ubuntu, localhost", redaction) == "the root of ubuntu, localhost"


def test_a_name_that_no_path_tells() -> None:
    redaction = redaction_for({}, names=["mia", "root"])
    assert redact({"a": ["by mia", 5, None, True]}, redaction) == {"a": ["by user", 5, None, True]}


def test_a_page_with_embedded_data_takes_no_time() -> None:
    page = base64.b64encode(random.Random(1).randbytes(700_000)).decode() + "/a" * 50_000
    begun = time.process_time()
    redact_text(page, redaction_for(RUN))
    assert time.process_time() - begun < 2


PARTS = st.text(
    st.characters(categories=["Ll", "Lu", "Nd"], include_characters="._-"), min_size=1, max_size=8
)


@given(
    st.lists(PARTS, min_size=1, max_size=4),
    st.sampled_from(
        ["{}", "see {}:3 there", '"{}"', "({})", "x={}", "a\n{}\nb", "{}, {}", 'File "{}", line 3']
    ),
)
def test_no_folder_remains(parts: list[str], frame: str) -> None:
    path = "/".join(("/mnt", "zz", *parts, "last.py"))
    text = frame.replace("{}", path)
    redacted = redact({"k": [text], text: 1}, redaction_for(RUN))
    assert "/zz" not in json.dumps(redacted)
    assert "/mnt" not in json.dumps(redacted)
    assert "last.py" in redacted["k"][0]
