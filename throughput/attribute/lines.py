"""Look into stored source: which calls stand on a line, under the names that their modules have."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from throughput.model.timeline import Frame

Sources = dict[str, dict[int, str]]


@dataclass(slots=True)
class _File:
    calls: dict[int, set[str]] = field(default_factory=dict)
    generators: list[range] = field(default_factory=list)
    """Lines of each function that yields."""
    imports: dict[str, str] = field(default_factory=dict)
    """Local name -> what it was imported as."""

    @property
    def modules(self) -> frozenset[str]:
        """Return the top-level packages that the file imports from."""
        return frozenset(name.partition(".")[0] for name in self.imports.values())


@dataclass(slots=True)
class SourceIndex:
    """Answers questions about lines of the files that were stored whole (own code)."""

    sources: Sources
    _files: dict[str, _File] = field(default_factory=dict)

    def calls(self, frame: Frame) -> frozenset[str]:
        """Return the dotted names of the calls on a frame's line, such as `numpy.round`."""
        return frozenset(self._file(frame.file).calls.get(frame.line, ()))

    def name_of_call(self, caller: Frame, function: str) -> str | None:
        """Return how the caller's line writes a call whose last part is `function`; None where it doesn't."""
        last = function.rpartition(".")[2]
        imported = self._file(caller.file).modules
        matching = [
            n for n in self.calls(caller) if n.rpartition(".")[2] == last and n.partition(".")[0] in imported
        ]
        return min(matching, key=len) if matching else None

    def only_call_of(self, caller: Frame, package: str) -> str | None:
        """Return the one call into a package that stands on the caller's line; None where there are more."""
        found = [name for name in self.calls(caller) if "." in name and name.partition(".")[0] == package]
        return found[0] if len(found) == 1 and package in self._file(caller.file).modules else None

    def in_generator(self, frame: Frame) -> bool:
        """Return whether a frame is of a generator: while it runs, somebody waits for its next item."""
        return any(frame.line in lines for lines in self._file(frame.file).generators)

    def text(self, file: str, line: int) -> str | None:
        """Return a stored line."""
        return self.sources.get(file, {}).get(line)

    def _file(self, name: str) -> _File:
        known = self._files.get(name)
        if known is None:
            known = self._files[name] = _index(self.sources.get(name, {}))
        return known


def _index(lines: dict[int, str]) -> _File:
    found = _File()
    if not lines:
        return found
    text = "\n".join(lines.get(number, "") for number in range(1, max(lines) + 1))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    nodes = list(ast.walk(tree))
    for node in nodes:
        found.imports.update(_imported(node))
    found.generators.extend(span for node in nodes if (span := _generator_lines(node)))
    for node in nodes:
        name = _dotted(node.func, found.imports) if isinstance(node, ast.Call) else None
        if name and isinstance(node, ast.Call):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found.calls.setdefault(line, set()).add(name)
    return found


def _generator_lines(node: ast.AST) -> range | None:
    """Return the lines of a function whose own body (not one nested in it) yields; None for anything else."""
    if not isinstance(node, ast.FunctionDef):
        return None
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(inner))
    return None


def _imported(node: ast.AST) -> dict[str, str]:
    """Return the names that an import statement binds, with what they stand for."""
    if isinstance(node, ast.Import):
        tops = ((a, a.name.partition(".")[0]) for a in node.names)
        return {a.asname or top: a.name if a.asname else top for a, top in tops}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return {}


def _dotted(node: ast.expr, imports: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([imports.get(node.id, node.id), *reversed(parts)])
    return "." + ".".join(reversed(parts)) if parts else None
