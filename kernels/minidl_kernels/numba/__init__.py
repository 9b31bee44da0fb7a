"""Compiled loops: the kernels written as plain Python loops that Numba turns into machine code.

    jit.py        how every kernel here is compiled
    team.py       the threads that share the work of one kernel
    strips.py     how images are laid out so that a convolution becomes long straight loops
    shifts.py     those loops: the compiled half of conv.py
    vector.py     16 numbers at once, held in registers, where the processor can
    conv.py, depthwise.py, pool.py, norm.py, fused.py, …    the public functions

A public function is ordinary Python: it prepares the arrays and calls `team.run` with a compiled
`…_part` that does the share of one thread. With NUMBA_DISABLE_JIT=1 a debugger steps through it.
"""
