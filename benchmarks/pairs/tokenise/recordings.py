"""Recorded calls to support as their transcripts, made up from a seed, and the team that each is for."""

from __future__ import annotations

import random

TEAMS = ("billing", "shipping", "accounts", "returns", "technical", "press")
PAUSES = (" ", " ", " ", " ", ", ", ". ", ": ", "!\n", " - ")


def invent(count: int, rng: random.Random) -> list[str]:
    """Return made-up words."""
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    return ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(count)]


def transcribe(count: int, words: int, seed: int) -> tuple[list[str], list[int]]:
    """Return transcripts and the number of each one's team."""
    rng = random.Random(seed)
    common, special = invent(2500, rng), [invent(60, rng) for _ in TEAMS]
    texts, teams = [], []
    for _ in range(count):
        team = rng.randrange(len(TEAMS))
        said = rng.choices(common, k=words)
        said[:40] = rng.choices(special[team] + common[:60], k=40)
        texts.append("".join(word.title() + rng.choice(PAUSES) for word in said))
        # Calls go astray: one in eight was put through to another team.
        teams.append(team if rng.random() < 0.875 else rng.randrange(len(TEAMS)))
    return texts, teams
