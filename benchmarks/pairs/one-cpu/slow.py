"""Train on spectrograms in a process that was bound to one CPU, together with the worker that makes them."""

from __future__ import annotations

from launch import Job

if __name__ == "__main__":
    Job().run()
