"""Keep freed memory for the next array, instead of giving it back to the system.

A training step makes and frees the same large arrays again and again. The C library of Linux
gives each back to the system at once and asks for it anew, and the system clears every page before
it hands it out: for a DenseNet that took a third of the time. Kept, the memory is reused as it is.
A process needs no more at its peak than before; but it does not shrink again before it ends.

MINIDL_KEEP_MEMORY=0 leaves the C library as it is. Other systems are not touched.
"""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of settings in <malloc.h>
_GIGABYTE = 1 << 30


def keep_freed_memory() -> bool:
    """Tell the C library to keep up to a gigabyte of free memory; whether it could be told."""
    if sys.platform != "linux" or os.environ.get("MINIDL_KEEP_MEMORY") == "0":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # a C library that has no such setting
        return False
    settings = (_MMAP_THRESHOLD, _TRIM_THRESHOLD)
    return all(mallopt(setting, _GIGABYTE) == 1 for setting in settings)
