"""Keep the process small, and know how large it is."""

from __future__ import annotations

import gc
import resource


class Housekeeper:
    """Tidies up after steps, and watches for growth."""

    interval = 12

    def __init__(self) -> None:
        self.steps, self.peak_kib = 0, 0

    def after_step(self) -> None:
        """Tidy up where it is time to."""
        self.steps += 1
        if self.steps % self.interval == 0:
            self.release()
            self.measure()

    def release(self) -> None:
        """Give back what cycles hold."""
        gc.collect()  # PLANTED

    def measure(self) -> None:
        """Note the most memory that was in use."""
        self.peak_kib = max(self.peak_kib, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
