"""The fixed twin: the process stays on all CPUs that it was given."""

from __future__ import annotations

from launch import Job, usable_cpus


class UnboundJob(Job):
    """Leaves it to the kernel where processes run."""

    def settle(self) -> list[int]:
        return usable_cpus()


if __name__ == "__main__":
    UnboundJob().run()
