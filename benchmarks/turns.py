"""Time several libraries in one process without one disturbing the other.

The sides take turns, so that a machine that slows down slows all of them. But PyTorch's threads
wait for more work in a busy loop: for milliseconds after a call they still hold the cores, and who
comes next would pay for it. So each turn begins with calls that are not timed, at least one and for
at least 20 ms, and only then times calls of the same side. All sides are treated alike.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SETTLE = 0.02  # seconds


def take_turns(
    sides: Mapping[str, Callable[[], Any]], turns: int, block: float = 0.05
) -> Iterator[tuple[str, float]]:
    """Yield (side, milliseconds of a call) for every turn of every side.

    A turn times as many calls as `block` seconds hold, at least one, and yields their mean.
    """
    for _ in range(turns):
        for side, call in sides.items():
            _mean_seconds(call, SETTLE)
            yield side, 1000 * _mean_seconds(call, block)


def _mean_seconds(call: Callable[[], Any], at_least: float) -> float:
    """The mean duration of a call, repeated until `at_least` seconds have passed."""
    calls, start, passed = 0, time.perf_counter(), 0.0
    while calls == 0 or passed < at_least:
        call()
        calls += 1
        passed = time.perf_counter() - start
    return passed / calls
