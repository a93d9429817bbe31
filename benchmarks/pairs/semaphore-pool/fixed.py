"""The fixed twin: a connection for each thread."""

from __future__ import annotations

from assembly import PARTS
from ranker import run

if __name__ == "__main__":
    run(connections=PARTS)
