"""Turn a run or report, as plain JSON values, into one that names no machine, user or folder of anybody.

Paths keep what a reader needs: under the script's folder relative to it, in libraries from `site-packages/`
on, elsewhere `.../` and the name; arguments that are paths become `<path>`. Pure: the caller passes names
that the documents can't tell (the login name, say).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOST_KEYS = frozenset({"host", "hostname", "node", "nodename"})
USER_KEYS = frozenset({"user", "username", "login"})
# Accounts that identify nobody, and words that replacing would only garble.
NOBODY = frozenset(
    {"root", "user", "users", "ubuntu", "debian", "ec2-user", "admin", "jovyan", "nobody", "docker", "runner"}
    | {"shared", "public", "guest", "app", "localhost", "host", ""}
)
KEPT = re.compile(r"/(?:proc|sys)(?:/.*)?|/dev/(?:null|shm|full|u?random|std\w+)")
"""Places of the system itself, which remedies name."""

_PART = r"[\w.+@%,=#~-]+"
HOME = re.compile(r"(?:/(?:home|Users)/|[A-Za-z]:\\Users\\)([\w.-]+)")
# At most 40 folders deep, and not within a word: base64 in a page is a megabyte of "folders".
LIBRARY = re.compile(rf"(?<!\w)(?:/{_PART}){{0,40}}/(?:site|dist)-packages/")
STANDARD_LIBRARY = re.compile(rf"(?<!\w)(?:/{_PART}){{0,40}}/lib(?:64)?/(python3\.\d+t?)/")
WINDOWS = re.compile(r"(?<![\w/.-])[A-Za-z]:[\\/](?:[^\\/\s'\"<>|:]+[\\/])*([^\\/\s'\"<>|:]*)")
HOME_SIGN = re.compile(rf"(?<![\w/.])~[\w.-]*(?:/{_PART})+")
# After a word, a dot or a slash it is a relative path, a ratio (steps/s) or part of a URL.
ABSOLUTE = re.compile(rf"(?<![\w.~/<*])(?<!<pid>)/(?!/)(?=[^\W\d]|[.\d]+[\w.-]*/){_PART}(?:/{_PART})*/?")
ADDRESS = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What to replace: known folders, machines and people."""

    script_dir: str = ""
    cwd: str = ""
    script: str = ""
    hosts: tuple[tuple[str, str], ...] = ()
    """Name and its stand-in, longest first."""
    people: tuple[str, ...] = ()


def redaction_for(run: dict[str, Any], *others: Any, names: Iterable[str] = ()) -> Redaction:
    """Return what to replace in a run and the documents that belong to it.

    Args:
        run: `run.json`: names the script's folder, and by its paths the people.
        others: Reports of the same run, which may name more machines.
        names: Of people, that no path tells.
    """
    texts = list(_strings((run, others)))
    people = {match[1] for text in texts for match in HOME.finditer(text)} | set(names)
    hosts: list[str] = []
    for host in _values_of((run, others), HOST_KEYS):
        if host not in hosts and host.lower() not in NOBODY and not re.fullmatch(r"host-\d+", host):
            hosts.append(host)
    stand_ins = {host: f"host-{number}" for number, host in enumerate(hosts)}
    # A report may give the short name of a machine that the run gives in full.
    stand_ins = {host.partition(".")[0]: stand_in for host, stand_in in stand_ins.items()} | stand_ins
    return Redaction(
        script_dir=_folder(run.get("script_dir")),
        cwd=_folder(run.get("cwd")),
        script=str(run.get("script") or ""),
        hosts=tuple(sorted(stand_ins.items(), key=lambda pair: -len(pair[0]))),
        people=tuple(sorted(p for p in people if p.lower() not in NOBODY and len(p) > 1)),
    )


def redact(document: Any, redaction: Redaction, key: str = "") -> Any:
    """Return a copy of JSON values without names of machines, people and folders, in keys and values."""
    if isinstance(document, str):
        if key in USER_KEYS and document:
            return "user"
        return redact_text(document, redaction)
    if isinstance(document, dict):
        return {redact_text(str(k), redaction): redact(v, redaction, str(k)) for k, v in document.items()}
    if isinstance(document, list | tuple):
        if key == "command":
            return [redact_argument(str(item), redaction) for item in document]
        return [redact(item, redaction, key) for item in document]
    return document


def redact_argument(argument: str, redaction: Redaction) -> str:
    """Return an argument of a command: the script relative to its folder, any other path as `<path>`."""
    name, equals, value = argument.partition("=")
    if equals and re.fullmatch(r"[-+\w.]+", name):
        return f"{redact_text(name, redaction)}={redact_argument(value, redaction)}"
    if argument and argument == redaction.script:
        return _last(argument)
    if "://" in argument:
        return "<url>"
    if _last(argument) != argument or argument.startswith("~"):
        inside = redact_text(argument, redaction)
        # The script in full, and the interpreter, say what was run; all else says where data lie.
        if re.fullmatch(r"python[\d.]*t?(?:\.exe)?|torchrun|accelerate", _last(argument)):
            return _last(argument)
        return inside if inside.endswith(".py") and _is_inside(inside) else "<path>"
    return ADDRESS.sub("<address>", redact_text(argument, redaction))


def redact_text(text: str, redaction: Redaction) -> str:
    """Return text without absolute paths, and without the names of the run's machines and people."""
    if text.startswith("/") and "\n" not in text and " " in text and PurePosixPath(text).suffix:
        text = _whole_path(text, redaction)  # a path with blanks, which inside a sentence nothing would show
    for folder in sorted({redaction.script_dir, redaction.cwd}, key=len, reverse=True):
        if folder:
            text = re.sub(rf"(?<![\w.~-]){re.escape(folder)}(?:[\\/](?=[\w.])|(?![\w.-]))", _inside, text)
    text = text.replace("file://", "")
    text = STANDARD_LIBRARY.sub(r"\1/", LIBRARY.sub("site-packages/", text))
    text = HOME_SIGN.sub(lambda match: f".../{_last(match[0])}", text)
    text = WINDOWS.sub(r".../\1", text)
    text = ABSOLUTE.sub(_absolute, text)
    for host, stand_in in redaction.hosts:
        text = _word(host).sub(stand_in, text)
    for person in redaction.people:
        text = _word(person).sub("user", text)
    return text


def _inside(match: re.Match[str]) -> str:
    return "" if match[0].endswith(("/", "\\")) else "."


def _absolute(match: re.Match[str]) -> str:
    path = match[0]
    return path if KEPT.fullmatch(path.rstrip("/.,")) else f".../{_last(path)}"


def _whole_path(text: str, redaction: Redaction) -> str:
    for folder in (redaction.script_dir, redaction.cwd):
        if folder and text.startswith(folder + "/"):
            return text[len(folder) + 1 :]
    match = re.search(r"/(?:site|dist)-packages/", text)
    if match:
        return text[match.start() + 1 :]
    return text if KEPT.fullmatch(text) else f".../{_last(text)}"


def _is_inside(path: str) -> bool:
    return not path.startswith(("/", ".../", "../", "~", "site-packages/"))


def _last(path: str) -> str:
    return PureWindowsPath(path.rstrip("/\\")).name or path


def _folder(value: object) -> str:
    """Return a folder to cut off; empty for ".", the root, and what is no path."""
    folder = value.rstrip("/\\") if isinstance(value, str) else ""
    return folder if folder.startswith("/") or re.match(r"[A-Za-z]:[\\/]", folder) else ""


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _values_of(value: Any, keys: frozenset[str]) -> Iterator[str]:
    """Yield the texts under the given keys, wherever they are."""
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k in keys and isinstance(v, str))
        for inner in value.values():
            yield from _values_of(inner, keys)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _values_of(inner, keys)
