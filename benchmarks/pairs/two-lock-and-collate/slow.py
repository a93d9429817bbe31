"""Foresee what visitors buy, while servers are sent the weights of every step."""

from __future__ import annotations

from ranker import read_options, train
from serving import Feed
from sessions import Sessions, load, pad

if __name__ == "__main__":
    options = read_options()
    loader = load(Sessions(1024, options.seed), pad, options)
    print(f"final loss {train(loader, Feed):.4f}")
