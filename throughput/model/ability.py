"""Describe what a machine can collect."""

from __future__ import annotations

from dataclasses import dataclass

STATES = ("ok", "limited", "unavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """Whether one thing can be had on this machine, and what would change that."""

    name: str
    state: str
    """One of STATES; limited: something stands in for it, or less comes out."""
    detail: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        """Refuse a state that nobody prints.

        Raises:
            ValueError: the state is none of STATES.
        """
        if self.state not in STATES:
            raise ValueError(f"{self.state!r} is none of {STATES}")
