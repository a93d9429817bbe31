"""The house rules: sizes, names, docstrings, isolation and what git may keep. No rule has an off switch."""

from __future__ import annotations

import ast
import json
import re
import socket
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "throughput"
INPROCESS = PACKAGE / "collect" / "inprocess"

FILE_LINES = 400
FUNCTION_LINES = 60
FUNCTION_MEDIAN_LINES = 12
COMPLEXITY = 10
ARGUMENTS = 6
RULE_LINES = 80
KEPT_BYTES = 3_000_000

MODULE_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
NAME_WORDS = {"helper", "helpers", "manager", "managers", "misc", "util", "utils"}
# As nouns (a child process, a device handle) these are things; as verbs they say nothing.
VERBS = {"handle", "process"}

# A home, root or checkout folder of whoever wrote the file.
PERSONAL_PATH = re.compile(r"(?<![\w.-])/(?:(?:home|Users)/[A-Za-z][\w.-]*|root|work)/")
LITERAL_PATH = "literal path"  # a test's comment on this line or the one above: the path is its input
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/<])/(?:etc|home|mnt|opt|private|root|srv|tmp|usr|Users|var|work)/[\w.-]"
)
# Names that a redacted report gives to the machines it ran on.
REDACTED_HOST = re.compile(r"(?:host|node|redacted)(?:-\d+)?|localhost")
HOST_KEYS = {"host", "hostname", "node", "nodename"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def kept_files() -> tuple[Path, ...]:
    """Return every file that git keeps or would add, so that a rule is broken before the commit."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    names = sorted(set(listing.stdout.decode().split("\0")) - {""})
    return tuple(ROOT / name for name in names if (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """Return the Python files under the folders, or all of them."""
    inside = [ROOT / folder for folder in folders] or [ROOT]
    return [
        path for path in kept_files() if path.suffix == ".py" and any(path.is_relative_to(f) for f in inside)
    ]


@cache
def tree(path: Path) -> ast.Module:
    """Return the parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> list[Function]:
    """Return every function and method of a file, nested ones too."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def lines(node: Function) -> int:
    """Return a function's lines, its docstring included."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def at(path: Path, node: ast.AST | int = 0) -> str:
    """Return `file:line`, as editors open it."""
    line = node if isinstance(node, int) else getattr(node, "lineno", 0)
    return f"{path.relative_to(ROOT)}:{line}"


def branches(node: Function) -> int:
    """Return the cyclomatic complexity, counted as ruff's C901 counts it."""
    kinds = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case, Function)
    return sum(isinstance(child, kinds) for child in ast.walk(node))


def arguments(node: Function) -> int:
    """Return how many arguments a caller passes."""
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_command(path: Path, node: Function) -> bool:
    """Return whether the parser alone calls this function: its parameters are the verb's options."""
    decorators = {ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}
    return path.is_relative_to(PACKAGE / "cli") and any(
        name.endswith((".command", ".callback")) for name in decorators
    )


def words(name: str) -> list[str]:
    """Return the words of a snake_case or CamelCase name, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


# Sizes


def test_files_are_short() -> None:
    long = {
        at(p): n
        for p in python_files()
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    }
    assert not long


def test_functions_are_short_and_simple() -> None:
    wrong = []
    for path in python_files():
        for node in functions(path):
            if lines(node) > FUNCTION_LINES:
                wrong.append(f"{at(path, node)} {node.name}: {lines(node)} lines")
            if branches(node) > COMPLEXITY:
                wrong.append(f"{at(path, node)} {node.name}: complexity {branches(node)}")
            if arguments(node) > ARGUMENTS and not is_command(path, node):
                wrong.append(f"{at(path, node)} {node.name}: {arguments(node)} arguments")
    assert not wrong


def test_median_function_is_short() -> None:
    sizes = [lines(node) for path in python_files("throughput") for node in functions(path)]
    assert statistics.median(sizes) <= FUNCTION_MEDIAN_LINES


def test_rules_are_short_and_alone() -> None:
    wrong = []
    for path in python_files("throughput/diagnose/rules"):
        if path.name == "__init__.py":
            continue
        if len(path.read_text(encoding="utf-8").splitlines()) > RULE_LINES:
            wrong.append(f"{at(path)} is longer than {RULE_LINES} lines")
        for node, name in imports(path):
            if name.startswith((".", "throughput.diagnose.rules")) and not name.startswith(".."):
                wrong.append(f"{at(path, node)} imports another rule: {name}")
    assert not wrong


# Names, docstrings, style


def test_no_module_is_a_drawer() -> None:
    names = {part for path in python_files() for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not [name for name in names if MODULE_NAMES & set(name.split("_"))]


def test_names_say_what_is_returned() -> None:
    wrong = []
    for path in python_files("throughput", "benchmarks"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, Function | ast.ClassDef):
                continue
            parts = words(node.name)
            verb = not isinstance(node, ast.ClassDef) and parts[:1] and parts[0] in VERBS
            if verb or NAME_WORDS & set(parts):
                wrong.append(f"{at(path, node)} {node.name}")
    assert not wrong


def is_benchmark_pair(path: Path) -> bool:
    """Return whether a file is one of the training scripts that benchmarks compare."""
    return path.is_relative_to(ROOT / "benchmarks" / "pairs")


def undocumented(path: Path, node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the public functions and classes of a module or class that say nothing."""
    for child in node.body:
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        decorators = {ast.unparse(d) for d in child.decorator_list}
        silent = any(d.endswith(("overload", ".setter", ".deleter")) for d in decorators)
        if not silent and not (ast.get_docstring(child) or "").strip():
            yield f"{at(path, child)} {child.name}"
        if isinstance(child, ast.ClassDef):
            yield from undocumented(path, child)


def test_every_module_says_what_it_is() -> None:
    silent = [at(p) for p in python_files() if not ast.get_docstring(tree(p)) and not is_benchmark_pair(p)]
    assert not silent


def test_public_functions_say_their_result() -> None:
    files = [p for p in python_files("throughput", "benchmarks") if not is_benchmark_pair(p)]
    assert not [line for path in files for line in undocumented(path, tree(path))]


def test_values_of_the_model_are_frozen() -> None:
    wrong = []
    for path in python_files("throughput/model"):
        for node in ast.walk(tree(path)):
            for decorator in getattr(node, "decorator_list", []):
                text = ast.unparse(decorator)
                options = ("frozen=True", "slots=True", "kw_only=True")
                if "dataclass" in text.split("(")[0] and not all(option in text for option in options):
                    wrong.append(f"{at(path, decorator)} {text}")
    assert not wrong


def test_nothing_is_left_for_later() -> None:
    mark = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b")
    files = python_files()
    wrong = [
        at(path, number)
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not wrong


# What runs inside the script


def imports(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Yield each import of a file, wherever it stands; a relative one begins with its dots."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            joint = "" if base.endswith(".") else "."
            yield node, base
            yield from ((node, f"{base}{joint}{alias.name}") for alias in node.names)


def inprocess_names() -> set[str]:
    """Return the top-level names that `collect/inprocess/` puts on the script's path."""
    return {path.relative_to(INPROCESS).parts[0].removesuffix(".py") for path in python_files(str(INPROCESS))}


def test_inprocess_imports_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | inprocess_names() | {"torch"}
    wrong = [
        f"{at(path, node)} imports {name}"
        for path in python_files(str(INPROCESS))
        for node, name in imports(path)
        if not name.startswith(".") and name.split(".")[0] not in allowed
    ]
    assert not wrong


def test_inprocess_imports_torch_only_once_the_script_has_it() -> None:
    wrong = []
    for path in python_files(str(INPROCESS)):
        late = {inner for node in functions(path) for inner in ast.walk(node)}
        wrong += [
            at(p, n)
            for p, (n, name) in ((path, i) for i in imports(path))
            if name.split(".")[0] == "torch" and n not in late
        ]
    assert not wrong


def test_nothing_of_ours_imports_inprocess() -> None:
    ours = [p for p in python_files("throughput") if not p.is_relative_to(INPROCESS)]
    names = inprocess_names() - {"__init__"}
    wrong = [
        f"{at(path, node)} imports {name}"
        for path in ours
        for node, name in imports(path)
        if "inprocess" in name.split(".") or name.split(".")[0] in names
    ]
    assert not wrong


# What git keeps


def test_no_kept_file_is_large() -> None:
    assert not {at(p): p.stat().st_size for p in kept_files() if p.stat().st_size > KEPT_BYTES}


def personal_paths(path: Path) -> Iterator[str]:
    """Yield where a file names a folder of somebody's machine; a test's marked input is none."""
    above = ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        marked = path.is_relative_to(ROOT / "tests") and (LITERAL_PATH in line or LITERAL_PATH in above)
        if PERSONAL_PATH.search(line) and not marked:
            yield at(path, number)
        above = line


def test_no_path_of_a_developers_machine() -> None:
    assert not [line for path in kept_files() for line in personal_paths(path)]


def host_names(value: object) -> Iterator[str]:
    """Yield every name of a machine in a JSON value."""
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k in HOST_KEYS and isinstance(v, str))
        for inner in value.values():
            yield from host_names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from host_names(inner)


def samples() -> dict[Path, list[Path]]:
    """Return the sample runs under reports/ that git keeps, with their files."""
    found: dict[Path, list[Path]] = {}
    for path in kept_files():
        if path.is_relative_to(ROOT / "reports") and len(path.relative_to(ROOT).parts) > 2:
            found.setdefault(ROOT / "reports" / path.relative_to(ROOT).parts[1], []).append(path)
    return found


def test_samples_are_small_and_redacted() -> None:
    wrong = []
    for sample, files in samples().items():
        if sum(path.stat().st_size for path in files) > KEPT_BYTES:
            wrong.append(f"{sample.name}: over {KEPT_BYTES} bytes")
        for path in files:
            text = path.read_text(encoding="utf-8", errors="replace")
            if "raw" in path.relative_to(sample).parts:
                wrong.append(f"{at(path)}: raw files are not kept")
            wrong += [f"{at(path)}: {match.group()}" for match in ABSOLUTE_PATH.finditer(text)]
            hosts = set(host_names(json.loads(text))) if path.suffix == ".json" else set()
            wrong += [f"{at(path)}: host {host}" for host in hosts if not REDACTED_HOST.fullmatch(host)]
            if len(socket.gethostname()) > 3 and socket.gethostname() in text:
                wrong.append(f"{at(path)}: names this machine")
    assert not wrong


def test_classifiers_name_the_pythons_that_ran() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    claimed = set(re.findall(r"Python :: (3\.\d+)", project))
    assert claimed == set(re.findall(r'python-version: "(3\.\d+)"', workflow))


# Start-up


@pytest.mark.parametrize("arguments_", [("--help",), ("--version",)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments_: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "throughput", *arguments_],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
    loaded = {
        line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")
    }
    assert "throughput.cli" in loaded
    assert not loaded & {"jinja2", "jsonschema", "msgspec", "numpy", "psutil", "pynvml", "torch"}
