"""Name a lock as its source does: the target of the assignment that made it. Never fails on odd source."""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

LINES_ABOVE, LINES_BELOW = 8, 12
"""How far a statement may reach from the line; longer ones are named where all of a file is known."""
NAME_LENGTH = 80
"""Of a name in a table; a longer one is no name."""

Scope = tuple[str | None, bool]
"""Name of the innermost class around a statement, and whether it stands in the class's body itself."""


def lock_name(text: Mapping[int, str], line: int, function: str) -> str | None:
    """Return what a lock is called in the source, `Registry._lock` for a `self._lock` of class Registry.

    Args:
        text: line number -> text: all of the file, or some lines around.
        line: where the lock was made.
        function: qualified name of the code that made it (Python 3.10 gives its last part only).
    """
    try:
        found = _statement(text, line)
        if found is None:
            return None
        node, scope = found
        name = _name(node, line, scope or _scope_from(function))
        if name is None and isinstance(node, ast.Return) and function.isidentifier():
            name = f"{function}()"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return name if name and len(name) <= NAME_LENGTH else None


def _statement(text: Mapping[int, str], line: int) -> tuple[ast.stmt, Scope | None] | None:
    """Return the innermost statement that holds the line; its scope is None where not all is known."""
    if text and len(text) == max(text) and min(text) == 1:
        try:
            tree = _parse("\n".join(text[number] for number in range(1, len(text) + 1)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree = None
        if tree is not None:
            return _innermost(tree, line)
    for first, last in _windows(text, line):
        lines = textwrap.dedent("\n".join(text[number] for number in range(first, last + 1)))
        try:
            found = _innermost(_parse(lines), line - first + 1)
        except SyntaxError:
            continue
        if found is not None and not _is_part(found[0]):
            ast.increment_lineno(found[0], first - 1)
            return found[0], None
    return None


def _is_part(node: ast.stmt) -> bool:
    """Return whether this is an argument or entry, cut from its list at the comma after it."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Tuple) and (isinstance(node, ast.Expr) or len(value.elts) == 1)


def _windows(text: Mapping[int, str], line: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of known lines around one, the shortest first."""
    above = [n for n in range(line, line - LINES_ABOVE - 1, -1) if all(m in text for m in range(n, line + 1))]
    below = [n for n in range(line, line + LINES_BELOW + 1) if all(m in text for m in range(line, n + 1))]
    pairs = ((first, last) for first in above for last in below)
    yield from sorted(pairs, key=lambda pair: (pair[1] - pair[0], line - pair[0]))


@lru_cache(maxsize=8)
def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the script's own odd escapes are not ours to mention
        return ast.parse(source)


def _innermost(tree: ast.Module, line: int) -> tuple[ast.stmt, Scope] | None:
    owner: str | None = None
    body_of_class, found = False, None
    nodes: list[ast.AST] = list(ast.iter_child_nodes(tree))
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and _holds(node, line):
            if isinstance(node, ast.stmt):
                found = (node, (owner, body_of_class))
            if isinstance(node, ast.ClassDef):
                owner, body_of_class = node.name, True
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body_of_class = False
            nodes = list(ast.iter_child_nodes(node))
    return found


def _holds(node: ast.AST, line: int) -> bool:
    if isinstance(node, ast.match_case):
        return any(_holds(inner, line) for inner in node.body)
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
    return bool(first <= line <= last)


def _scope_from(function: str) -> Scope:
    """Guess the scope from a qualified name: classes are written with a capital."""
    parts = function.rpartition("<locals>.")[2].split(".")
    if parts[-1][:1].isupper():
        return parts[-1], True
    return (parts[-2] if len(parts) > 1 else None), False


def _name(node: ast.stmt, line: int, scope: Scope) -> str | None:
    if isinstance(node, ast.Assign):
        return _target(node.targets[0], scope) + _entry(node.value, line)
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return _target(node.target, scope) + (_entry(node.value, line) if node.value else "")
    if isinstance(node, ast.With | ast.AsyncWith):
        return next((_target(i.context_expr, scope) for i in node.items if _is_place(i.context_expr)), None)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _parameter(node.args, line)
    return _inside(node, line, scope)


def _is_place(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript | ast.Attribute | ast.Name)


def _target(node: ast.expr, scope: Scope) -> str:
    """Return a target's name, with the class's name for its own `self`."""
    owner, body_of_class = scope
    text = ast.unparse(node).strip("()")
    root, dot, rest = text.partition(".")
    if dot and root in ("self", "cls") and owner is not None:
        return f"{owner}.{rest}"
    if body_of_class and owner is not None and isinstance(node, ast.Name):
        return f"{owner}.{text}"
    return text


def _entry(value: ast.expr, line: int) -> str:
    """Return `["key"]` or `[0]` where the lock is one entry of a display and its line says which."""
    keys: list[str]
    values: list[ast.expr]
    if isinstance(value, ast.Dict) and all(value.keys):
        keys, values = [ast.unparse(key) for key in value.keys if key is not None], value.values
    elif isinstance(value, ast.List):
        keys, values = [str(number) for number in range(len(value.elts))], value.elts
    else:
        return ""
    here = [key for key, entry in zip(keys, values, strict=True) if _holds(entry, line)]
    return f"[{here[0]}]" if len(here) == 1 else ""


def _parameter(arguments: ast.arguments, line: int) -> str | None:
    """Return the parameter whose default is made on this line."""
    positional = [*arguments.posonlyargs, *arguments.args]
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs = [
        *zip(given, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return next((arg.arg for arg, value in pairs if value is not None and _holds(value, line)), None)


def _inside(node: ast.stmt, line: int, scope: Scope) -> str | None:
    """Return the name that an expression gives a lock: by `:=`, `append`, `setdefault` or `setattr`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.NamedExpr) and _holds(inner, line):
            return _target(inner.target, scope)
        if isinstance(inner, ast.Call) and _holds(inner, line):
            reader = _CALLS.get(_called(inner))
            name = reader(inner, scope) if reader is not None else None
            if name is not None:
                return name
    return None


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _container(call: ast.Call, scope: Scope) -> str | None:
    return _target(call.func.value, scope) if isinstance(call.func, ast.Attribute) else None


def _set_default(call: ast.Call, scope: Scope) -> str | None:
    container = _container(call, scope)
    return f"{container}[{ast.unparse(call.args[0])}]" if container and call.args else None


def _set_attribute(call: ast.Call, scope: Scope) -> str | None:
    if len(call.args) != 3:
        return None
    place, name = call.args[:2]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return None
    return _target(ast.Attribute(place, name.value), scope)


_CALLS: dict[str, Callable[[ast.Call, Scope], str | None]] = {
    "append": _container,
    "add": _container,
    "put": _container,
    "setdefault": _set_default,
    "setattr": _set_attribute,
}
