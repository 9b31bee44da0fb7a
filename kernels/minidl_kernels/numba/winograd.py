"""Convolution with 3 × 3 filters in 16 multiplications for every 36: Winograd's algorithm.

In one dimension, two outputs of a filter of three taps need six products if they are written down:

    y0 = d0·g0 + d1·g1 + d2·g2            y1 = d1·g0 + d2·g1 + d3·g2

Four do:

    m0 = (d0 − d2) · g0                   m1 = (d1 + d2) · (g0 + g1 + g2) / 2
    m3 = (d1 − d3) · g2                   m2 = (d2 − d1) · (g0 − g1 + g2) / 2

    y0 = m0 + m1 + m2                     y1 = m1 − m2 − m3

(put m1 and m2 in: d1·g1 appears in y0 as ½ d1·g1 + ½ d1·g1, and what is not wanted vanishes). In
matrices, with · for the products number by number:  y = Aᵀ [(G g) · (Bᵀ d)].  In two dimensions a
tile of 2 × 2 outputs sees 4 × 4 pixels d:  y = Aᵀ [(G g Gᵀ) · (Bᵀ d B)] A  takes 16 products, not
36.

           1  0 −1  0             1   0   0
    Bᵀ =   0  1  1  0      G =   .5  .5  .5       Aᵀ =  1  1  1  0
           0 −1  1  0            .5 −.5  .5             0  1 −1 −1
           0  1  0 −1             0   0   1

Bᵀ d B is done once for each input channel and G g Gᵀ once for each filter. The sum over the input
channels c is taken before Aᵀ, so nearly all work is 16 matrix products, one for each place ξ of
the 4 × 4, over all tiles t:

    V[ξ,c,t] = (Bᵀ d B)[ξ]      M[ξ,o,t] = Σ_c U[ξ,o,c] · V[ξ,c,t]      y = Aᵀ M A

The gradient of the input is such a convolution of grad with the filters turned round. The gradient
of the filters runs the same steps backwards, where the 16 matrix products sum over the tiles:

    dw = Gᵀ dU G      dU[ξ,o,c] = Σ_t Q[ξ,o,t] · V[ξ,c,t]      Q = A (∂L/∂y) Aᵀ

Fewer products also round less: the results lie nearer to the exact ones than those of the plain
sum. But a tile shares its pixels: a NaN reaches all outputs of the tiles that see it, and an inf
becomes NaN there, because Bᵀ d subtracts.

The compiled loops are in winograd_rows.py (tiles side by side in a vector: V, M, y) and
winograd_channels.py (channels side by side: dU). They are written for vectors of 16 float32, so
other numbers and processors take the way of conv.py.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015.
"""

import numpy as np

from minidl_kernels.geometry import Pair
from minidl_kernels.numba import channels, vector, winograd_channels, winograd_rows
from minidl_kernels.numba.jit import plain
from minidl_kernels.numba.team import TILED, run

Array = np.ndarray

_CHUNK = 64  # input channels whose V stays in the second cache: 16 · 64 · 96 numbers, 393 KB


def suits(x: Array, kernel: Pair, stride: Pair, dilation: Pair, groups: int) -> bool:
    """Whether this way is open: 3 × 3 filters moved by single pixels, in wide float32."""
    windows = (kernel, stride, dilation, groups)
    return vector.WIDE and x.dtype == np.float32 and windows == ((3, 3), (1, 1), (1, 1), 1)


def correlate(x: Array, w: Array, bias: Array, size: Pair, before: Pair) -> Array | None:
    """y (N, O, *size) = Σ_{c,u,v} w[o,c,u,v] · x[n, c, i + u − top, j + v − left] + bias[o].

    None if the images are so few and small that most numbers of the vectors would be idle.
    """
    N, C, _, _ = x.shape
    O = len(w)
    tiles = winograd_rows.lay_out(N, size, before)
    strips = -(-tiles.vectors // 6)
    if N * -(-size[0] // 2) * -(-size[1] // 2) < 0.45 * 96 * strips:
        return None
    chunks = -(-C // _CHUNK)
    U = np.zeros((chunks, -(-O // 4), 16, -(-C // chunks), 4), np.float32)
    run(winograd_rows.filters_part, w.size, O, plain(w), U)
    y = np.empty((N, O, *size), np.float32)
    arguments = plain(x), U, bias, tiles, y
    run(winograd_rows.correlate_part, y.size * C * 9 // TILED, strips, *arguments)
    return y


def weight_gradient(grad: Array, x: Array, before: Pair) -> Array:
    """dw[o,c,u,v] = Σ_{n,i,j} grad[n,o,i,j] · x[n, c, i + u − top, j + v − left].

    The tiles are summed in a fixed number of parts, so that the number of threads changes nothing.
    """
    O, C = grad.shape[1], x.shape[1]
    count = -(-grad.shape[2] // 2), -(-grad.shape[3] // 2)
    bands = channels.lay_out(len(x), count, (2, 2), (4, 4), before, 64)
    (outer, OK), (inner, CK) = channels.shares(O, _CHUNK), channels.shares(C, _CHUNK)
    parts = max(1, min(8, bands.strips))
    partial = np.zeros((parts, outer, inner, 16, OK, CK), np.float32)
    arguments = plain(grad), plain(x), bands, partial
    operations, pieces = grad.size * C * 9 // TILED, parts * outer * inner
    run(winograd_channels.weight_part, operations, pieces, *arguments)
    dw = np.empty((O, C, 3, 3), np.float32)
    run(winograd_channels.filters_part, parts * dw.size, O, partial, dw)
    return dw
