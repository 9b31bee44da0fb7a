"""Convolution with 1 × 1 filters in wide registers: a product of matrices.

    y[o,p] = bias[o] + Σ_c w[o,c] · x[c,p]        p: image and pixel

    for each panel of 96 pixels p
        copy the 96 numbers of every channel c side by side              `_pack`
        for 4 output channels o
            for all channels c
                y[o,p] += w[o,c] · x[c,p]                                 `product`, 24 vectors
            write y                                                      `_unpack`

The panel stays in the second cache while all filters pass over it, and a number of it is loaded
once for four filters.

The gradient of x is the same with the transposed weights; that of w is in channels.py.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.team import run
from minidl_kernels.numba.tile import product
from minidl_kernels.numba.vector import load, load_first, splat, store, store_first

Array = np.ndarray


def correlate(x: Array, w: Array, bias: Array) -> Array:
    """y (N, O, H, W) = Σ_c w[o,c] · x[n,c] + bias[o], for x (N, C, H, W) and w (O, C)."""
    O, C = w.shape
    N, _, H, W = x.shape
    blocks = -(-O // 4)
    weights = np.zeros((blocks * 4, C), np.float32)
    weights[:O] = w
    weights = np.ascontiguousarray(weights.reshape(blocks, 4, C).transpose(0, 2, 1))
    y = np.empty((N, O, H, W), np.float32)
    images = max(1, 16 // (H * W))  # side by side in a vector
    vectors = -(-N // images) * -(-H * W // 16)
    arguments = plain(x), weights, bias, y, images, vectors
    run(_part, y.size * C, -(-vectors // 6), *arguments)
    return y


@jit
def _part(t, threads, x, weights, bias, y, images, vectors):
    """The share of thread t: every `threads`-th panel of 6 vectors, from x to y."""
    blocks, C, _ = weights.shape
    N, O, H, W = y.shape
    shape = N, C, H * W
    y_shape = N, O, H * W
    pixels, outputs, w = x.reshape(-1), y.reshape(-1), weights.reshape(-1)
    panel = aligned_zeros(C * 96 + 16, x.dtype)
    sums = aligned_zeros(4 * 96 + 16, x.dtype)
    for first in range(6 * t, vectors, 6 * threads):
        _pack(pixels, shape, first, images, panel)
        for block in range(blocks):
            product(sums, 0, False, w, block * C * 4, panel, 0, C)
            for o in range(4 * block, min(4 * block + 4, O)):
                _unpack(sums, o % 4 * 96, bias[o], first, images, outputs, y_shape, o)


@jit
def _pack(x, shape, first, images, panel):
    """Copy the pixels of 6 vectors, channel by channel. Small pictures share a vector."""
    N, C, P = shape
    vectors = -(-P // 16)  # of an image
    for c in range(C):
        for q in range(6):
            v = first + q
            n, p = v // vectors * images, v % vectors * 16
            to = c * 96 + q * 16
            for image in range(images):
                count = min(16, P - p) if n + image < N else 0
                source = ((n + image) * C + c) * P + p
                store(panel, to + image * P, load_first(x, source, count))


@jit
def _unpack(sums, i, bias, first, images, y, shape, o):
    """Write the results of 6 vectors to channel o."""
    N, O, P = shape
    vectors = -(-P // 16)
    b = splat(bias)
    for q in range(6):
        v = first + q
        n, p = v // vectors * images, v % vectors * 16
        for image in range(images):
            count = min(16, P - p) if n + image < N else 0
            to = ((n + image) * O + o) * P + p
            store_first(y, to, load(sums, i + q * 16 + image * P) + b, count)
