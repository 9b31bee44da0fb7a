"""Arrays in, arrays out: the arithmetic of minidl, three times over.

    naive   textbook loops: the definition, for stepping through and as the oracle of the tests
    numpy   whole-array NumPy: the readable fast version, always available
    numba   compiled loops: the default where Numba is installed

The three folders have the same files, functions and signatures, so one can stand in for another:

    from minidl_kernels import active, use

    active().conv.conv2d_forward(x, w, b, stride, padding, dilation, groups)
    with use("naive"):
        ...                     # the same call, now in loops a debugger can step through

All arrays are float32 or float64. Kernels never change their inputs, but for those of `update`.
"""

from minidl_kernels.memory import keep_freed_memory
from minidl_kernels.selection import KernelSet, active, available, select, use

keep_freed_memory()

__all__ = ["KernelSet", "active", "available", "select", "use"]
