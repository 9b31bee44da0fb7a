"""The team of threads that works through a kernel side by side.

The threads are Python's own. Compiled code runs without the interpreter's lock, so they do work at
the same time. Numba's `prange` starts its threads some ten microseconds sooner, but compiles every
kernel several times over, keeps its threads spinning in wait for more, which slows down everything
else that wants a core, and does not survive a fork.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from minidl_kernels.threads import available_cores, num_threads

_SMALL = 250_000  # multiply-adds that are done before another thread would have been of help
TILED = 16
"""Multiply-adds of a convolution that take as long as one elsewhere, which fetches its numbers
from memory: a kernel's `operations` are to tell its time."""


class _Call:
    """A kernel and the shares of it that nobody has taken yet."""

    def __init__(self, part: Callable, threads: int, arguments: tuple[object, ...]) -> None:
        self.part, self.threads, self.arguments = part, threads, arguments
        self.shares = deque(range(threads))
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(self) -> None:
        """Take shares, one after the other, until there are none left."""
        while self.shares:
            try:
                t = self.shares.popleft()
            except IndexError:  # another thread was quicker
                return
            try:
                self.part(t, self.threads, *self.arguments)
                self.done.put(None)
            except BaseException as error:  # whatever it is, the caller wants to know
                self.done.put(error)


_calls: SimpleQueue[_Call] | None = None


def run(part: Callable, operations: int, pieces: int, *arguments: object) -> None:
    """Call part(t, threads, *arguments) for t = 0, 1, … threads − 1, side by side.

    The work comes in `pieces` and takes this number of multiply-adds altogether: a small one is
    done by a single thread. How the pieces are cut does not depend on the number of threads, so
    neither does the result, not even in the last bit. Where pieces are images, part t does those
    from t · pieces // threads on: so the images that a thread reads are those that it wrote before,
    and some are still in its own core's cache.

    The calling thread works too, and takes over the share of a thread that has not woken yet.
    """
    threads = 1 if operations < _SMALL else max(1, min(num_threads(), pieces))
    if threads == 1:
        part(0, 1, *arguments)
        return
    call = _Call(part, threads, arguments)
    calls = _calls or _start()
    for _ in range(1, threads):
        calls.put(call)
    call.work()
    for error in [call.done.get() for _ in range(threads)]:
        if error is not None:
            raise error


def _start() -> SimpleQueue[_Call]:
    """Start the threads that help; they wait for calls until the program ends."""
    global _calls
    _calls = SimpleQueue()
    for k in range(1, available_cores()):
        threading.Thread(target=_help, args=(_calls,), name=f"minidl-{k}", daemon=True).start()
    return _calls


def _help(calls: SimpleQueue[_Call]) -> None:
    while True:
        calls.get().work()  # no name for the call: it would keep its arrays until the next one


def _forget_threads() -> None:
    """A forked child has none of its parent's threads: it starts its own."""
    global _calls
    _calls = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
