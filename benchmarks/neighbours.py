"""How much of the machine other processes took meanwhile: with much, a measurement says little."""

import os
import time
from pathlib import Path

import numpy as np

LIMIT = 5.0  # percent; more is worth a warning


class Neighbours:
    """Counts from its making on.

    PyTorch suffers more than minidl when a core is taken away, for its threads wait for each other
    in busy loops: on a busy machine its times may grow tenfold, and our "speed" with them.
    """

    def __init__(self) -> None:
        self.start = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds on the clock, of all processes, and of this one; summed over the cores."""
        statistics = Path("/proc/stat")
        if not statistics.exists():  # only Linux tells
            return time.perf_counter(), float("nan"), time.process_time()
        user, nice, system, _, _, irq, softirq, steal, *_ = (
            int(field) for field in statistics.read_text().splitlines()[0].split()[1:]
        )
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy, time.process_time()

    def percent(self) -> float:
        """The share of all cores' time that went to others; NaN where the system does not tell."""
        seconds, busy, own = (b - a for a, b in zip(self.start, self._now(), strict=True))
        share = (busy - own) / (seconds * (os.cpu_count() or 1))
        return round(float(np.maximum(0, 100 * share)), 1)
