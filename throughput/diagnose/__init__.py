"""Stage 4: facts of one rank -> findings, each with evidence, a fix and what it buys at most."""
