"""Scripts of every shape: how they are started, where they lie, what they catch, where they train."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, assert_done, call, profile, profile_file

LOOP = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
def train(steps=500):
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
        counted()
        optimizer.step()
"""
MAIN = "\nif __name__ == '__main__':\n    train()\n"


def test_a_script_that_imports_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text(PRELUDE + LOOP)
    ran = profile(
        tmp_path, "import neighbour\nassert neighbour.__file__.startswith('/')\nneighbour.train()\n", *QUICK
    )
    assert_done(ran)


def test_a_module_with_relative_imports(tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(PRELUDE + LOOP)
    (package / "train.py").write_text(
        "import sys\nfrom .parts import train\nassert sys.argv[1:] == ['--x', '1']\ntrain()\n"
    )
    words = (
        "profile",
        "-m",
        "pkg.train",
        "--steps",
        "16",
        "--out",
        str(tmp_path / "out"),
        *QUICK,
        "--",
        "--x",
        "1",
    )
    ran = call(tmp_path, *words)
    assert_done(ran)
    assert ran.run["script"] == "pkg.train"


def test_a_script_that_looks_for_torch_before_it_imports_it(tmp_path: Path) -> None:
    looks = "import importlib.util\nassert importlib.util.find_spec('torch') is not None\n"
    ran = profile(tmp_path, looks + PRELUDE + LOOP + MAIN, *QUICK)
    assert_done(ran)


def test_a_whole_command(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PRELUDE + LOOP + MAIN)
    command = ("--command", "--", "env", "A=1", "python", "train.py")
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    ran = call(
        tmp_path, "profile", "--steps", "16", "--out", str(tmp_path / "out"), *QUICK, *command, PATH=path
    )
    assert_done(ran)


def test_the_main_module_is_the_scripts(tmp_path: Path) -> None:
    script = """
import __main__, pickle, sys
class Here:
    pass
assert __name__ == "__main__" and __main__.Here is Here and __main__.__file__ == __file__
assert sys.argv == ["train.py", "--lr", "0.1", "--", "x"], sys.argv
assert sys.path[0] == os.path.dirname(os.path.abspath(__file__)), sys.path
assert not [p for p in sys.path if "inprocess" in p], sys.path
assert type(pickle.loads(pickle.dumps(Here()))) is Here
assert torch.get_num_threads() == 1
train()
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK, "--", "--lr", "0.1", "--", "x")
    assert_done(ran)


def test_threads_set_before_torch_is_imported_hold(tmp_path: Path) -> None:
    script = PRELUDE.replace('"OMP_NUM_THREADS"] = "1"', '"OMP_NUM_THREADS"] = "2"') + LOOP
    ran = profile(tmp_path, script + "assert torch.get_num_threads() == 2\ntrain()\n", *QUICK)
    assert_done(ran)
    assert ran.report["run"]["environment"]["torch_num_threads"] == 2


SHAPES = {
    "changes directory": "os.makedirs('deep/er')\nos.chdir('deep/er')\ntrain()\n",
    "asyncio": """
import asyncio
async def main():
    for _ in range(50):
        train(10)
        await asyncio.sleep(0)
asyncio.run(main())
""",
    "asyncio in several tasks": """
import asyncio
async def one():
    for _ in range(250):
        train(1)
        await asyncio.sleep(0)
async def main():
    await asyncio.gather(one(), one())
asyncio.run(main())
""",
    "trains in a thread": """
import threading
thread = threading.Thread(target=train)
thread.start()
thread.join()
""",
    "trains in an executor": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    pool.submit(train).result()
""",
    "catches every Exception": """
while True:
    try:
        train()
    except Exception:
        pass
""",
    "bare except": """
for _ in range(9):
    try:
        train()
    except:
        pass
""",
    "bare except round each step": """
for _ in range(500):
    try:
        train(1)
    except:
        pass
""",
    "imports parts of torch late": """
import importlib
importlib.import_module("torch.utils.data.distributed")
train()
""",
    "closes its descriptors": "os.closerange(3, _count)\nos.closerange(_count + 1, 64)\ntrain()\n",
    "sets signals itself": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntrain()\n",
    "sets a start method": "import multiprocessing\nmultiprocessing.set_start_method('spawn')\ntrain()\n",
    "replaces sys.stdout": "import io, sys\nsys.stdout = io.StringIO()\nprint('hidden')\ntrain()\n",
    "execs itself again": """
import sys
if "again" not in sys.argv:
    os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
train()
""",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_scripts_of_every_shape(tmp_path: Path, shape: str) -> None:
    ran = profile(tmp_path, PRELUDE + LOOP + SHAPES[shape], *QUICK)
    assert_done(ran)


def test_what_should_run_at_the_end_runs(tmp_path: Path) -> None:
    script = """
import atexit, sys
atexit.register(lambda: print("atexit ran", sys.modules["__main__"].__file__))
try:
    train()
finally:
    print("finally ran")
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK)
    assert_done(ran)
    assert b"finally ran\natexit ran" in ran.stdout


def test_a_trainer_in_a_process_that_the_script_spawns(tmp_path: Path) -> None:
    script = """
import multiprocessing
if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=train)
    child.start()
    child.join()
"""
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK)
    assert_done(ran)


@pytest.mark.parametrize("folder", ["with some spaces", "Übung — été", 'quote\'s "and" $HOME', "新しい"])
def test_a_folder_with_an_odd_name(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    (place / "train me.py").write_text(PRELUDE + LOOP + MAIN)
    ran = profile_file(tmp_path, f"{folder}/train me.py", *QUICK)
    assert_done(ran)


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    place = Path(os.fsdecode(bytes(tmp_path) + b"/latin-\xe9"))
    place.mkdir()
    slowly = LOOP.replace("counted()", "counted()\n        torch.randn(400, 400).inverse()")
    (place / "train.py").write_text(PRELUDE + slowly + MAIN)
    options = ("--collectors", "loader,stacks", "--steps", "40", "--out", "here")
    ran = profile_file(tmp_path, "train.py", *options, cwd=place)
    ran.out = place / "here"
    assert_done(ran)
    assert "train.py" in (place / "here" / "raw" / "sources" / "index.json").read_text()


def test_a_source_in_another_encoding(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\nname = 'été'\n" + PRELUDE + LOOP + "def été():\n    train()\nété()\n"
    (tmp_path / "train.py").write_bytes(text.encode("latin-1"))
    options = ("--collectors", "loader,stacks", "--warmup", "4")
    ran = profile_file(tmp_path, "train.py", *options)
    assert_done(ran)


def test_the_users_own_sitecustomize_and_path_work(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "sitecustomize.py").write_text("import builtins\nbuiltins.customized = __name__\n")
    (mine / "on_my_path.py").write_text("value = 7\n")
    script = (
        "import on_my_path, sitecustomize\nassert on_my_path.value == 7 and customized == 'sitecustomize'\n"
    )
    script += "assert sitecustomize.__file__.endswith('mine/sitecustomize.py')\ntrain()\n"
    ran = profile(tmp_path, PRELUDE + LOOP + script, *QUICK, PYTHONPATH=str(mine))
    assert_done(ran)
