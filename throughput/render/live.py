"""Turn the state of a profile in progress into a live display, and into plain lines for pipes and CI."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from throughput import units
from throughput.model.category import Category
from throughput.render.bar import COLOURS, Look, split_bar
from throughput.render.labels import KEYS, colour, label, plain

WIDEST = 110  # as wide as the report that follows
PROGRESS = 24  # cells: enough to see a step of 4 %


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """Where a profile stands; `shares` is the split so far, None or 0 where a category was not seen yet."""

    phase: str
    """As people read it: starting, warm-up, measuring, torch.profiler, cProfile, writing the report."""
    step: int = 0
    """Steps kept so far."""
    steps: int = 0
    """Steps asked for; 0 where unknown."""
    steps_per_s: float | None = None
    elapsed_s: float = 0.0
    shares: tuple[tuple[Category, float], ...] = ()
    has_device: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class LiveView:
    """What rich draws for a state: a line of progress, and the split so far under it."""

    state: LiveState

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one or two lines, cut to the terminal's width."""
        look = Look.of(console)
        width = min(options.max_width, WIDEST)
        yield _progress(self.state, look, width)
        parts = _parts(self.state)
        if parts:
            yield _split(self.state, parts, look, width)


def live_view(state: LiveState) -> LiveView:
    """Return what `rich.live.Live` shows for this state."""
    return LiveView(state)


def plain_line(state: LiveState) -> str:
    """Return the state as one line for a pipe or a log."""
    parts = [*_words(state), *_shares(state), *([plain(state.note, 120)] if state.note else [])]
    return ", ".join(parts).replace(units.NBSP, " ")


def _words(state: LiveState) -> list[str]:
    words = [plain(state.phase, 40)]
    if state.steps:
        words.append(f"step {state.step:,} of {state.steps:,}")
    elif state.step:
        words.append(f"step {state.step:,}")
    if state.steps_per_s is not None:
        words.append(units.rate(state.steps_per_s, "steps"))
    words.append(units.duration(round(state.elapsed_s) * 1e9) if state.elapsed_s >= 1 else f"0{units.NBSP}s")
    return words


def _shares(state: LiveState) -> list[str]:
    ranked = sorted(state.shares, key=lambda pair: -pair[1])
    return [
        f"{label(category, has_device=state.has_device, short=True)} {units.percent(share, 0.01)}"
        for category, share in ranked
        if share >= 0.005
    ]


def _progress(state: LiveState, look: Look, width: int) -> Text:
    line = Text(no_wrap=True, overflow="crop")
    if state.steps:
        done = min(PROGRESS, PROGRESS * max(0, state.step) // state.steps)
        full, empty = ("━", "─") if look.wide else ("#", ".")
        line.append(full * done, style="cyan").append(empty * (PROGRESS - done), style="dim").append(" ")
    note = f" · {plain(state.note, 120)}" if state.note else ""
    line.append(look.crop(" · ".join(_words(state)) + note, max(0, width - line.cell_len)))
    return line


def _parts(state: LiveState) -> list[tuple[str, float]]:
    """Return (colour key, share), the four categories that people ask for first."""
    keys = [*KEYS.values(), "other"]
    ranked = sorted(state.shares, key=lambda pair: keys.index(colour(pair[0])))
    return [(colour(category), share) for category, share in ranked if share > 0]


def _split(state: LiveState, parts: list[tuple[str, float]], look: Look, width: int) -> Text:
    line = split_bar(parts, min(PROGRESS, width), look)
    left = width - line.cell_len
    for category, share in sorted(state.shares, key=lambda pair: -pair[1])[:4]:
        key = colour(category)
        name = label(category, has_device=state.has_device, short=True)
        text = look.fold(f" {name} {units.percent(share, 0.01)}")
        if share < 0.005 or len(text) + 2 > left:
            break
        line.append(f" {look.mark(key)}", style=COLOURS[key] if look.colour else "").append(text)
        left -= len(text) + 2
    return line
