"""Convolution with 1 × 1 filters in wide registers: a product of matrices.

    y[o,p] = bias[o] + Σ_c w[o,c] · x[c,p]        p: image and pixel

    for each strip of one to four panels of 96 pixels p
        copy the numbers of every channel c of a panel side by side
        for 4 output channels o
            for each panel, for all channels c
                y[o,p] += w[o,c] · x[c,p]                                 `product`, 24 vectors
            write y

The panels stay in the second cache while all filters pass over them, and a number of them is loaded
once for four filters. Several panels at a time, because memory likes to be read in long rows.

The gradient of x is the same with the transposed weights; that of w is in channels.py.
"""

import numpy as np

from minidl_kernels.numba.jit import jit, plain
from minidl_kernels.numba.shifts import aligned_zeros
from minidl_kernels.numba.team import run
from minidl_kernels.numba.tile import product
from minidl_kernels.numba.vector import load, load_first, splat, store_first

Array = np.ndarray

_CACHED = 2**15  # numbers in the panels of a strip


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
    panels = min(4, max(1, _CACHED // (C * 96)))
    arguments = plain(x), weights, bias, y, images, vectors, panels
    run(_part, y.size * C, -(-vectors // (6 * panels)), *arguments)
    return y


@jit
def _part(t, threads, x, weights, bias, y, images, vectors, panels):
    """The share of thread t: some neighbouring strips, from x to y."""
    blocks, C, _ = weights.shape
    N, O, H, W = y.shape
    pixels, outputs, w = x.reshape(-1), y.reshape(-1), weights.reshape(-1)
    packed = aligned_zeros(panels * C * 96 + 16, x.dtype)
    sums = aligned_zeros(panels * 4 * 96 + 16, x.dtype)
    places = np.empty((6 * panels * images, 5), np.int64)
    strips = -(-vectors // (6 * panels))
    for strip in range(t * strips // threads, (t + 1) * strips // threads):
        first = strip * 6 * panels
        _locate(first, images, (N, C, O, H * W), places)
        for c in range(C):
            for i in range(len(places)):
                source, to = places[i, 0] + c * H * W, places[i, 2] + c * 96
                count = places[i, 4]
                store_first(packed, to, load_first(pixels, source, count), count)
        for block in range(blocks):
            for panel in range(panels):
                at = panel * 4 * 96
                product(sums, at, False, w, block * C * 4, packed, panel * C * 96, C)
            for o in range(4 * block, min(4 * block + 4, O)):
                b = splat(bias[o])
                for i in range(len(places)):
                    to = places[i, 1] + o * H * W
                    v = load(sums, places[i, 3] + o % 4 * 96) + b
                    store_first(outputs, to, v, places[i, 4])


@jit
def _locate(first, images, shape, places):
    """Where the numbers of some vectors lie: in x, in y, in the panels, in the sums; and how many.

    Small pictures of P pixels share a vector, `images` of them. All for channel 0.
    """
    N, C, O, P = shape
    vectors = -(-P // 16)  # of an image
    for i in range(len(places)):
        q, image = i // images, i % images
        v = first + q
        n, p = v // vectors * images + image, v % vectors * 16
        places[i, 0], places[i, 1] = n * C * P + p, n * O * P + p
        panel, lane = q // 6, q % 6 * 16 + image * P
        places[i, 2], places[i, 3] = panel * C * 96 + lane, panel * 4 * 96 + lane
        places[i, 4] = min(16, P - p) if n < N else 0
