"""A lock is called what its source calls it, whatever the source looks like."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughput.align.lock_names import lock_name

# Each source marks the line of the call by "# here".
CASES = [
    ("LOCK = Lock()  # here", "<module>", "LOCK"),
    ("LOCK: Lock = threading.Lock()  # here", "<module>", "LOCK"),
    ("a = b = Lock()  # here", "<module>", "a"),
    ("a, b = Lock(), Lock()  # here", "<module>", "a, b"),
    (
        "class Registry:\n    def __init__(self):\n        self._lock = Lock()  # here",
        "Registry.__init__",
        "Registry._lock",
    ),
    (
        "class Registry:\n    def __init__(self):\n        self._lock = Lock()  # here",
        "__init__",
        "Registry._lock",
    ),
    ("class Registry:\n    GUARD = Lock()  # here", "Registry", "Registry.GUARD"),
    ("class A:\n    @classmethod\n    def f(cls):\n        cls.guard = RLock()  # here", "A.f", "A.guard"),
    (
        "def make():\n    class Inner:\n        def __init__(self):\n            self.lock = Lock()  # here",
        "make.<locals>.Inner.__init__",
        "Inner.lock",
    ),
    ("def main():\n    lock = Lock()  # here\n    return lock", "main", "lock"),
    ("class A:\n    def f(self):\n        lock = Lock()  # here", "A.f", "lock"),
    (
        "@dataclass\nclass Shelf:\n    size: int\n    lock: Lock = field(default_factory=Lock)  # here",
        "Shelf",
        "Shelf.lock",
    ),
    ("LOCKS = {\n    'a': Lock(),\n    'b': Lock(),  # here\n}", "<module>", "LOCKS['b']"),
    ("LOCKS = {'a': Lock(), 'b': Lock()}  # here", "<module>", "LOCKS"),
    ("LOCKS = [\n    Lock(),\n    Lock(),  # here\n]", "<module>", "LOCKS[1]"),
    ("LOCKS = [Lock() for _ in range(4)]  # here", "<module>", "LOCKS"),
    ("LOCKS['a'] = Lock()  # here", "<module>", "LOCKS['a']"),
    ("tasks = Queue(\n    maxsize=4,\n    lock=Lock(),  # here\n)", "<module>", "tasks"),
    ("lock = (\n    fast()\n    if quick\n    else Lock()  # here\n)", "<module>", "lock"),
    ("if (lock := Lock()):  # here\n    pass", "<module>", "lock"),
    ("locks.append(Lock())  # here", "<module>", "locks"),
    (
        "class A:\n    def f(self, key):\n        self.locks.setdefault(key, Lock())  # here",
        "A.f",
        "A.locks[key]",
    ),
    (
        "class A:\n    def f(self, key):\n        with self.locks[key]:  # here\n            pass",
        "A.f",
        "A.locks[key]",
    ),
    ("class A:\n    def f(self):\n        setattr(self, 'guard', Lock())  # here", "A.f", "A.guard"),
    ("def work(data, lock=Lock()):  # here\n    pass", "<module>", "lock"),
    ("def make_lock():\n    return Lock()  # here", "make_lock", "make_lock()"),
    ("try:\n    pass\nexcept ValueError:\n    lock = Lock()  # here", "<module>", "lock"),
    ("match x:\n    case 1:\n        lock = Lock()  # here", "<module>", "lock"),
    ("use(Lock())  # here", "<module>", None),
]


def numbered(source: str) -> tuple[dict[int, str], int]:
    lines = source.split("\n")
    here = next(number for number, text in enumerate(lines, 1) if "# here" in text)
    return dict(enumerate(lines, 1)), here


@pytest.mark.parametrize(("source", "function", "name"), CASES)
def test_the_name_is_the_target_of_the_assignment(source: str, function: str, name: str | None) -> None:
    text, line = numbered(source)
    assert lock_name(text, line, function) == name


@pytest.mark.parametrize(("source", "function", "name"), CASES)
def test_a_few_lines_around_are_enough(source: str, function: str, name: str | None) -> None:
    text, line = numbered(textwrap.indent(source, "    "))
    shifted = {number + 400: row for number, row in text.items()}
    if "." not in function and name and name.startswith("Registry._"):
        name = "self._lock"  # the last part of a qualified name, and no class in sight: Python 3.10
    assert lock_name(shifted, line + 400, function) == name


def test_other_lines_that_make_no_sense_change_nothing() -> None:
    text = {10: "    )", 11: "    self._lock = Lock()", 12: "    else:", 13: "  \\"}
    assert lock_name(text, 11, "Registry.__init__") == "Registry._lock"


def test_a_warning_of_the_scripts_own_source_is_not_ours(recwarn: pytest.WarningsRecorder) -> None:
    assert lock_name({1: r"LOCK = Lock('\d')"}, 1, "<module>") == "LOCK"
    assert not recwarn.list


@given(
    text=st.dictionaries(
        st.integers(min_value=-3, max_value=12),
        st.text(alphabet="abL=().:[]{}'\"\n\t \\\0#@,*lassdefwith", max_size=30),
        max_size=12,
    ),
    line=st.integers(min_value=-5, max_value=15),
    function=st.text(alphabet="aB.<>locals", max_size=12),
)
def test_nothing_makes_it_fail(text: dict[int, str], line: int, function: str) -> None:
    name = lock_name(text, line, function)
    assert name is None or 0 < len(name) <= 80


@pytest.mark.parametrize(
    "source", ["(" * 5000, "x = " + "-" * 100_000 + "1", "lock = Lock()" + " + 1" * 20_000]
)
def test_hostile_source_has_no_name(source: str) -> None:
    assert lock_name({1: source}, 1, "<module>") in (None, "lock", "x")
