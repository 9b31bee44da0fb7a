"""The innermost product: 4 rows of weights with 96 columns, in 24 vectors that never leave the
registers.

It takes 10 loads for 24 vector products, which is what keeps a processor with two loads and one or
two products a cycle busy with products.
"""

import numpy as np

from minidl_kernels.numba.jit import inlined
from minidl_kernels.numba.vector import fence, load, multiply_add, splat, store


@inlined
def product(sums, s, add, w, u, x, v, K):
    """sums[o,p] = Σ_k w[k,o] · x[k,p] for 4 outputs o and 96 places p; or += if `add`.

    The arrays are flat and begin at s, u and v: sums (4, 96), w (K, 4), x (K, 96).
    """
    zeros = splat(np.float32(0))
    s0 = s1 = s2 = s3 = (zeros, zeros, zeros, zeros, zeros, zeros)
    if add:
        s0, s1 = load6(sums, s), load6(sums, s + 96)
        s2, s3 = load6(sums, s + 192), load6(sums, s + 288)
    for _ in range(K):
        six = load6(x, v)
        s0 = add_row(s0, splat(w[u]), six)
        s1 = add_row(s1, splat(w[u + 1]), six)
        s2 = add_row(s2, splat(w[u + 2]), six)
        s3 = add_row(s3, splat(w[u + 3]), six)
        fence()
        u += 4
        v += 96
    store6(sums, s, s0)
    store6(sums, s + 96, s1)
    store6(sums, s + 192, s2)
    store6(sums, s + 288, s3)


@inlined
def load6(x, i):
    """Six vectors."""
    return (
        load(x, i),
        load(x, i + 16),
        load(x, i + 32),
        load(x, i + 48),
        load(x, i + 64),
        load(x, i + 80),
    )


@inlined
def store6(x, i, v):
    """Six vectors."""
    store(x, i, v[0])
    store(x, i + 16, v[1])
    store(x, i + 32, v[2])
    store(x, i + 48, v[3])
    store(x, i + 64, v[4])
    store(x, i + 80, v[5])


@inlined
def add_row(s, w, v):
    """s + w · v, six vectors."""
    return (
        multiply_add(w, v[0], s[0]),
        multiply_add(w, v[1], s[1]),
        multiply_add(w, v[2], s[2]),
        multiply_add(w, v[3], s[3]),
        multiply_add(w, v[4], s[4]),
        multiply_add(w, v[5], s[5]),
    )
