"""Draw the split bar for a terminal, and say in which characters and colours it may be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

COLOURS = {"data": "#d97c14", "h2d": "#3a9ae8", "gpu": "#0f9268", "lock": "#b04fb3", "other": "#8a8d92"}
"""Between the page's light and dark colours: a terminal's background is unknown."""
SHADES = {"data": "█", "h2d": "▒", "gpu": "▓", "lock": "╳", "other": "░"}
LETTERS = {"data": "#", "h2d": ">", "gpu": "=", "lock": "%", "other": "."}
FOLDED = str.maketrans(
    {
        "\u00a0": " ",
        "±": "+/-",
        "µ": "u",
        "·": "-",
        "…": "..",
        "×": "x",
        "°": "",
        "↳": "-",
        "■": "#",
        "─": "-",
        "−": "-",
        "→": ">",
        "–": "-",
        "“": '"',
        "”": '"',
        "⏸": "=",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a terminal can show: `wide` is any character, `colour` any colour at all."""

    wide: bool
    colour: bool

    @classmethod
    def of(cls, console: Console) -> Look:
        """Return what this console can show."""
        return cls(
            wide=not console.options.ascii_only,
            colour=console.color_system is not None and not console.no_color,
        )

    def fold(self, text: str) -> str:
        """Return the text in characters that the terminal's encoding has."""
        if self.wide:
            return text
        return text.translate(FOLDED).encode("ascii", "replace").decode("ascii")

    def mark(self, key: str) -> str:
        """Return the character that stands for a colour key in bar and key."""
        if not self.wide:
            return LETTERS[key]
        return "█" if self.colour else SHADES[key]

    def crop(self, text: str, width: int) -> str:
        """Return the text in at most `width` cells, its cut marked."""
        folded = self.fold(text)
        if cell_len(folded) <= width:
            return folded
        dots = "…" if self.wide else ".."
        return set_cell_size(folded, max(0, width - len(dots))).rstrip() + dots[: max(0, width)]

    def fit(self, text: str, width: int, *, right: bool = False) -> str:
        """Return the text in exactly `width` cells."""
        cropped = self.crop(text, width)
        padding = " " * (width - cell_len(cropped))
        return padding + cropped if right else cropped + padding


def cells(shares: Sequence[float], width: int) -> tuple[int, ...]:
    """Return how many cells of the bar each share gets; they never sum to more than `width`.

    Largest remainder; a share that rounds to a cell or more is never drawn as none.
    """
    total = max(1.0, sum(max(0.0, share) for share in shares))
    exact = [max(0.0, share) / total * width for share in shares]
    found = [int(value) for value in exact]
    spare = min(width, round(sum(exact))) - sum(found)
    for index in sorted(range(len(exact)), key=lambda i: found[i] - exact[i])[: max(0, spare)]:
        found[index] += 1
    return tuple(found)


def split_bar(parts: Sequence[tuple[str, float]], width: int, look: Look) -> Text:
    """Return the bar of (colour key, share) parts in `width` cells; what is not measured stays blank."""
    bar = Text(no_wrap=True)
    for (key, _), number in zip(parts, cells([share for _, share in parts], width), strict=True):
        bar.append(look.mark(key) * number, style=COLOURS[key] if look.colour else "")
    return bar
