"""Turn a verdict into Markdown for a pull request or a job summary."""

from __future__ import annotations

import re
from collections.abc import Sequence

from throughput.model.verdict import Outcome, Verdict
from throughput.render import verdict as words
from throughput.render.labels import plain

ACTIVE = re.compile(r"([\\*_{}\[\]<>|#~!])")
MOST_BYTES = 16_000
"""A job summary takes a megabyte; nobody reads more than this."""
SIGNS = {
    Outcome.SLOWER: "❌",
    Outcome.SAME: "✅",
    Outcome.FASTER: "🚀",
    Outcome.UNSURE: "❔",
}


def verdict_markdown(verdict: Verdict) -> str:
    """Return the verdict as Markdown, in which foreign text is only text."""
    sign = "❌" if verdict.work_changed else SIGNS[verdict.outcome]
    lines = [f"### {sign} {_text(verdict.sentence)}", "", _text(words.basis(verdict)), ""]
    lines += _table(words.PART_HEADS, words.part_rows(verdict))
    if verdict.spots:
        lines += _table(words.SPOT_HEADS, words.spot_rows(verdict))
    lines += [f"- {_text(line)}" for line in (*words.count_lines(verdict), *words.other_lines(verdict))]
    lines += [f"- {_text(note)}" for note in verdict.notes]
    text = "\n".join(lines).rstrip() + "\n"
    if len(text.encode()) <= MOST_BYTES:
        return text
    return text.encode()[:MOST_BYTES].decode(errors="ignore").rpartition("\n")[0] + "\n\n…\n"


def _table(heads: Sequence[str], rows: Sequence[words.Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| " + " | ".join(heads) + " |", "|---|--:|--:|--:|---|"]
    for row in rows:
        cells = [_text(cell) for cell in (row.name, row.base, row.head, row.difference, row.remark)]
        if row.stands_out:
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _text(text: str) -> str:
    """Return foreign text that Markdown shows as it is written; our own back-ticks stay code."""
    parts = plain(text).split("`")
    if len(parts) % 2 == 0:
        return ACTIVE.sub(r"\\\1", plain(text).replace("`", "'"))
    return "".join(
        f"`{part.replace('|', '¦')}`" if number % 2 else ACTIVE.sub(r"\\\1", part)
        for number, part in enumerate(parts)
    )
