"""Train a nowcast on two shards with a worker each; one shard lies on a slow host."""

from __future__ import annotations

from nowcast import nowcast
from weather import WeatherStream

if __name__ == "__main__":
    nowcast(WeatherStream)
