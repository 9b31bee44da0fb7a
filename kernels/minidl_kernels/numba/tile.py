"""The innermost product: 4 rows of weights with 96 columns, in 24 vectors that never leave the
registers.

It takes 10 loads for 24 vector products, which is what keeps a processor with two loads and one or
two products a cycle busy with products.
"""

import numpy as np

from minidl_kernels.numba.jit import inlined
from minidl_kernels.numba.vector import add_row, fence, load_row, splat, store_row


@inlined
def product(sums, s, add, w, u, x, v, K):
    """sums[o,p] = Σ_k w[k,o] · x[k,p] for 4 outputs o and 96 places p; or += if `add`.

    The arrays are flat and begin at s, u and v: sums (4, 96), w (K, 4), x (K, 96).
    """
    zeros = splat(np.float32(0))
    s0 = s1 = s2 = s3 = (zeros, zeros, zeros, zeros, zeros, zeros)
    if add:
        s0, s1 = load_row(sums, s, s0), load_row(sums, s + 96, s0)
        s2, s3 = load_row(sums, s + 192, s0), load_row(sums, s + 288, s0)
    for _ in range(K):
        six = load_row(x, v, s0)
        s0 = add_row(s0, splat(w[u]), six)
        s1 = add_row(s1, splat(w[u + 1]), six)
        s2 = add_row(s2, splat(w[u + 2]), six)
        s3 = add_row(s3, splat(w[u + 3]), six)
        fence()
        u += 4
        v += 96
    store_row(sums, s, s0)
    store_row(sums, s + 96, s1)
    store_row(sums, s + 192, s2)
    store_row(sums, s + 288, s3)
