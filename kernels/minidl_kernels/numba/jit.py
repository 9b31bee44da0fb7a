"""How every kernel of this folder is compiled: two decorators, one set of promises.

`jit` is for kernels that Python calls, `inlined` for the steps of which they are made.

* NaN and inf survive. The compiler may reorder and fuse additions and multiplications, which lets
  it use vector instructions, but may not assume that numbers are finite.
* Nothing is compiled at import; a kernel is compiled at its first call and kept on disk afterwards.
* Dividing by zero gives inf or NaN as in NumPy; a check in every division would stop vectorising.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import extending
from numba.core import event

_OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # an entry for C programs, of which there are none
    "nogil": True,  # several Python threads run a kernel side by side, see team.py
}


def jit(function: Callable) -> Callable:
    """Compile a kernel at its first call, and keep the result on disk where that is possible."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # Numba found no folder that it may write to
        _warn_once()
        return numba.njit(**_OPTIONS)(function)


def inlined(function: Callable) -> Callable:
    """Compile a function into the kernels that call it, with no entry for Python.

    Under `jit` it would get such an entry and a place on disk, and would be compiled once more for
    each constant it is called with. The first training step would take half as long again.

    It is always made part of its caller. Left to itself, LLVM makes a large one a function of its
    own, of which a program that compiles has two versions: the caller's, which goes to the disk,
    and the one compiled before it, which is the one that runs. They may add in different orders, so
    a program that reads the kernel from the disk would compute other bits.
    """
    return extending.register_jitable(**_OPTIONS, forceinline=True)(function)


def plain(array: np.ndarray) -> np.ndarray:
    """The array itself, or a copy of it that is C-contiguous and writable.

    To Numba a read-only, transposed or reversed array is another type, and each type is compiled
    anew. With one kind of array there is one compiled version per dtype.
    """
    flags = array.flags
    if flags.c_contiguous and flags.writeable and flags.aligned:
        return array
    return np.array(array, order="C")


_warned = False


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "minidl: no writable folder for compiled kernels, so every run compiles them again; "
            "set NUMBA_CACHE_DIR to a folder that can be written to",
            RuntimeWarning,
            stacklevel=3,
        )


class _CompileNotice(event.Listener):  # type: ignore[misc]
    """Says once that kernels are being compiled: the first call would look like a hang.

    Numba reports the event only for a real compilation, not for a kernel read from the disk.
    """

    said = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and str(function.__module__).startswith(__package__):
            self.said = True
            sys.stderr.write("minidl: compiling kernels (first run only, then cached) …\n")
            sys.stderr.flush()

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


event.register("numba:compile", _CompileNotice())
