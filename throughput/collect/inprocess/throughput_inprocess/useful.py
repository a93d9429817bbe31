"""Count what a batch holds: samples, tokens, and tokens that are no padding."""

from __future__ import annotations

from .recorder import BATCH_TOKENS, recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Path = list[str | int]

EVERY = 8
"""In the training thread the masks of one clean batch in so many are summed (5 us each); workers sum all."""
DEPTH, PARTS = 2, 4
"""A mapping is looked for inside so many tuples or lists, among so many of their first parts."""
IGNORED = -100
"""The label that torch's losses leave out by default."""
NAMES_SHOWN = 8

asked: dict[str, Path] = {}
"""What --unit says: "samples" or "tokens" -> where it is in a batch."""
_state: dict[str, Any] = {"seen": 0, "told": set()}


def ask(unit: dict[str, Path]) -> None:
    """Count as the user says."""
    asked.update(unit)


def leading_size(batch: Any, depth: int = 0) -> int | None:
    """Return the leading dimension of the first tensor in a batch, or None."""
    shape = getattr(batch, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    if depth > 3:
        return None
    if isinstance(batch, (str, bytes)):
        return None
    values = batch.values() if hasattr(batch, "values") and not isinstance(batch, type) else batch
    try:
        for value in values:
            size = leading_size(value, depth + 1)
            if size is not None:
                return size
            if depth:
                break
    except TypeError:
        return None
    return None


def counted(batch: Any) -> tuple[int, int]:
    """Return how many samples and tokens a batch holds; 0 where it can't be known."""
    if not asked and _are_tensors(batch):
        return leading_size(batch[0]) or leading_size(batch) or 0, 0
    samples = _asked_for("samples", batch) if "samples" in asked else leading_size(batch)
    tokens = _asked_for("tokens", batch) if "tokens" in asked else tokens_of(batch)
    return samples or 0, tokens or 0


def _are_tensors(batch: Any) -> bool:
    """Return whether a batch is a few tensors without names: the usual case, known in a tenth of the time."""
    if type(batch) not in (tuple, list) or not 0 < len(batch) <= PARTS:
        return False
    return {type(part).__name__ for part in batch} == {"Tensor"}


def tokens_of(batch: Any) -> int:
    """Return the tokens of a batch, padding included; 0 where it has none that we know by name."""
    try:
        found = _mapping(batch)
        if found is None:
            return 0
        for name in ("input_ids", "attention_mask"):
            tensor = found.get(name)
            if tensor is not None:
                return int(tensor.numel())
        labels = found.get("labels")
        return int(labels.numel()) if _are_tokens(labels) else 0
    except Exception:  # anything may call itself a mapping
        return 0


def note_padding(batch: Any, now: int, in_worker: bool, clean: bool) -> None:
    """Note how many tokens of a batch are no padding: of each batch of a worker, of some of our own."""
    _state["seen"] += 1
    if not in_worker and clean and _state["seen"] % EVERY:
        return
    try:
        found = _mapping(batch)
        if found is None:
            return
        mask, labels = found.get("attention_mask"), found.get("labels")
        chosen = mask if mask is not None else labels
        if chosen is None or chosen.dim() != 2 or chosen.device.type != "cpu":
            return
        if mask is not None:
            useful = int((mask != 0).sum())
        elif _are_tokens(labels):
            useful = int((labels != IGNORED).sum())
        else:
            return
    except Exception:
        return
    recorder.rows.append((BATCH_TOKENS, 0, now, 0, int(chosen.numel()), useful, int(mask is None), 0))


def _are_tokens(labels: Any) -> bool:
    """Return whether labels are one a token: of two dimensions, and whole numbers."""
    return labels is not None and labels.dim() == 2 and not labels.is_floating_point()


def _mapping(batch: Any, depth: int = 0) -> Any:
    """Return the mapping of names to tensors that a batch is or holds; None without one."""
    if not isinstance(batch, (tuple, list)):
        return batch if hasattr(batch, "keys") else None
    if depth < DEPTH:
        for part in batch[:PARTS]:
            if type(part).__name__ == "Tensor":
                continue
            found = _mapping(part, depth + 1)
            if found is not None:
                return found
    return None


def _asked_for(unit: str, batch: Any) -> int | None:
    """Return what --unit says of a batch; None, told once, where the batch has no such thing."""
    try:
        value = _follow(batch, asked[unit])
        found = _amount(value, unit)
    except Exception as error:
        found, value = None, error
    if found is None and unit not in _state["told"]:
        _state["told"].add(unit)
        reason = f": {value}"[:120] if isinstance(value, Exception) else ""
        text = f"--unit {unit}: no such thing in the batch, {_described(batch)}{reason}."
        recorder.note("note", text=text)
    return found


def _follow(value: Any, path: Path) -> Any:
    """Return what lies at a path: an index, a key, or an attribute."""
    for step in path:
        if isinstance(step, str) and not (hasattr(value, "keys") and step in value.keys()):  # noqa: SIM118
            value = getattr(value, step)
        else:
            value = value[step]
    return value


def _amount(value: Any, unit: str) -> int | None:
    """Return a number as it is, a tensor's rows (samples) or elements (tokens), the length of a list."""
    if isinstance(value, (int, float)):
        return int(value)
    shape = getattr(value, "shape", None)
    if shape is None:
        return len(value) if hasattr(value, "__len__") else None
    if not len(shape):
        return int(value)
    if unit == "samples":
        return int(shape[0])
    size = 1
    for length in shape:
        size *= int(length)
    return size


def _described(batch: Any) -> str:
    """Return what a batch is, in words."""
    found = _mapping(batch)
    if found is None:
        return f"which is a {type(batch).__name__}"
    names = [str(name) for name in found.keys()]  # noqa: SIM118 - some mappings iterate over rows
    return f"which has {', '.join(names[:NAMES_SHOWN])}"


def forget() -> None:
    """Start anew in a forked process."""
    _state.update(seen=0, told=set())
