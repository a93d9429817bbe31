"""Intern the stacks of flame graphs: those sampled, and those with frames that say why time passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from throughput.attribute.naming import below_workers
from throughput.model.flame import synthetic
from throughput.model.timeline import Frame, Stacks

Path = tuple[int, ...]


@dataclass(slots=True)
class Paths:
    """The timeline's frames and stacks, to which others are added; numbers of the timeline's stay."""

    frames: list[Frame]
    stacks: list[Path]
    _frame_numbers: dict[str, int] = field(default_factory=dict)
    _stack_numbers: dict[Path, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stacks: Stacks) -> Paths:
        """Return the paths of a timeline."""
        return cls(list(stacks.frames), list(stacks.stacks))

    def word(self, text: str) -> int:
        """Return the number of a frame that no code has."""
        known = self._frame_numbers.get(text)
        if known is None:
            known = self._frame_numbers[text] = len(self.frames)
            self.frames.append(synthetic(text))
        return known

    def stack(self, path: Path) -> int:
        """Return the number of a stack."""
        known = self._stack_numbers.get(path)
        if known is None:
            known = self._stack_numbers[path] = len(self.stacks)
            self.stacks.append(path)
        return known

    def frames_of(self, stack: int) -> Path:
        """Return a stack's frames, outermost first; none where it is unknown (-1)."""
        return self.stacks[stack] if stack >= 0 else ()

    def since_fork(self, stack: int) -> Path:
        """Return a stack's frames; of a DataLoader worker's those below its loop: the fork's are history."""
        path = self.frames_of(stack)
        return path[below_workers(tuple(self.frames[number] for number in path)) :]

    def down_to_own(self, stack: int) -> Path:
        """Return a stack's frames (since a fork) down to the last of own code; all where it has none."""
        path = self.since_fork(stack)
        own = [place for place, number in enumerate(path) if self.frames[number].own]
        return path[: own[-1] + 1] if own else path

    def table(self) -> Stacks:
        """Return all frames and stacks."""
        return Stacks(frames=tuple(self.frames), stacks=tuple(self.stacks))
