"""How many threads compute: decided here and nowhere else.

The first of these that is set counts: `set_num_threads(n)`, the environment variables
MINIDL_NUM_THREADS and OMP_NUM_THREADS, the number of cores this process may use.

BLAS, which does NumPy's matrix products, is kept to one thread. Its own threads would wait for the
next product in a busy loop, on the very cores where the kernels' threads want to run.
"""

import os

from threadpoolctl import threadpool_limits

_chosen: int | None = None


def available_cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; a container may allow fewer than there are
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def num_threads() -> int:
    """The number of threads that a large kernel uses."""
    if _chosen is None:
        for variable in ("MINIDL_NUM_THREADS", "OMP_NUM_THREADS"):
            value = os.environ.get(variable, "")
            if value.isdecimal() and int(value) > 0:
                set_num_threads(int(value))
                break
        else:
            set_num_threads(available_cores())
    assert _chosen is not None
    return _chosen


def set_num_threads(n: int) -> None:
    """Compute with `n` threads from now on, or with as many as there are cores if fewer."""
    global _chosen
    if n < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}")
    _chosen = min(n, available_cores())
    threadpool_limits(1, user_api="blas")
