"""Ctrl-C, made gentle: the first asks the training to stop after this step, the second stops it."""

import signal
import threading
from types import FrameType, TracebackType


class Interrupt:
    """While the `with` block runs, the first Ctrl-C only sets `.requested`.

    The second raises KeyboardInterrupt at once. The handler that was there before comes back at
    the end. Outside the main thread, where Python allows no handlers, and in a program started
    with Ctrl-C ignored (`nohup`), nothing is changed.
    """

    def __init__(self) -> None:
        self.requested = False
        self._installed = False

    def __enter__(self) -> "Interrupt":
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and callable(signal.getsignal(signal.SIGINT)):
            self._previous = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
