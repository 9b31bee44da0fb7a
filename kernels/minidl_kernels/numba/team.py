"""The team of threads that works through a kernel side by side.

The threads are Python's own. Compiled code runs without the interpreter's lock, so they do work at
the same time. Numba's `prange` starts its threads some ten microseconds sooner, but compiles every
kernel several times over, keeps its threads spinning in wait for more, which slows down everything
else that wants a core, and does not survive a fork.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from minidl_kernels.threads import available_cores, num_threads

_SMALL = 500_000  # multiply-adds that are done before other threads would have been woken

_pool: ThreadPoolExecutor | None = None


def run(part: Callable, operations: int, pieces: int, *arguments: object) -> None:
    """Call part(t, threads, *arguments) for t = 0, 1, … threads − 1, side by side.

    The work comes in `pieces`, of which part t does t, t + threads, …, and takes this number of
    multiply-adds altogether: a small one is done by a single thread. How the pieces are cut does
    not depend on the number of threads, so neither does the result, not even in the last bit.
    """
    global _pool
    threads = 1 if operations < _SMALL else max(1, min(num_threads(), pieces))
    if threads > 1 and _pool is None:
        _pool = ThreadPoolExecutor(available_cores(), "minidl")
    others = (
        [_pool.submit(part, t, threads, *arguments) for t in range(1, threads)] if _pool else []
    )
    part(0, threads, *arguments)
    for other in others:
        other.result()


def _forget_pool() -> None:
    """A forked child has none of its parent's threads: it starts its own."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
