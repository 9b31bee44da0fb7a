"""Convolution as a sum of shifted, scaled copies of the padded image.

    y[n,o,i,j] = b[o] + Σ_{c,u,v}  w[o,c,u,v] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

Turn the loops around: fix a tap k = (c, u, v) and let the position (n, i, j) run innermost. What
the tap adds to all outputs at once is one row of numbers, shifted by a distance that depends on the
tap alone and multiplied by one weight:

    for each strip of the batch (see strips.py; the loops are in shifts.py)
        copy it into a scratch buffer with its zero padding                   `_pack`
        for 4 output channels o                                               `accumulate`
            for 6 taps k
                for l in range(L)                                             L ≈ 1000 positions
                    y[o][l] += w[o,k] · scratch[offset[k] + l]                24 products
        copy y out of the strip                                               `_unpack`

It is the same sum as in naive/conv.py, with the terms of padding pixels added as 0. It is fast
because the inner loop is long and straight, so it becomes vector instructions; because 10 loads
serve 24 products; and because a strip stays in the cache until it is used up.

The gradient of x is such a sum too, with other weights over another picture, and runs through the
same loops. The gradient of w is a table of dot products between the same rows.

Shapes: x (N, C, H, W) · w (O, C/groups, KH, KW) · b (O,) · y (N, O, OH, OW).
"""

from collections.abc import Iterator
from math import gcd
from typing import NamedTuple

import numpy as np

from minidl_kernels.geometry import Padding, Pair, output_size
from minidl_kernels.numba import channels, pointwise, shifts, vector, winograd
from minidl_kernels.numba.jit import plain
from minidl_kernels.numba.strips import Strips, cut
from minidl_kernels.numba.team import TILED, run

Array = np.ndarray


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """The convolution y of x (N, C, H, W) with w (O, C/groups, KH, KW) and bias b (O,)."""
    O, CG, KH, KW = w.shape
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    before = (padding[0], padding[2])
    bias = np.zeros(O, x.dtype) if b is None else plain(b)
    if _is_pointwise(x, (KH, KW), stride, padding, groups):
        return pointwise.correlate(x, w[:, :, 0, 0], bias)
    if winograd.suits(x, (KH, KW), stride, dilation, groups):
        found = winograd.correlate(x, w, bias, size, before)
        if found is not None:
            return found
    strips = cut(x.shape[0], CG, x.shape[2:], size, (KH, KW), stride, before, dilation)
    y = np.empty((x.shape[0], O, *size), x.dtype)
    _correlate(x, w.reshape(groups, O // groups, -1), bias, strips, y, (0, 0), (1, 1))
    return y


def conv2d_input_gradient(
    grad: Array,
    w: Array,
    x_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, O, OH, OW): a convolution of grad.

        dx[n,c,h,k] = Σ_{o,u,v}  w[o,c,u,v] · grad[n,o,i,j]   with i·SH + u·DH = h + top, j likewise

    With stride 1, i = h + top − u·DH: the window runs backwards, so the kernel is flipped, and o
    and c change places. With stride S, the pixels with the same (h + top) mod S need the same taps,
    and among themselves they are a convolution of stride 1: one convolution for each remainder.
    """
    N, C, H, W = x_shape
    O, CG, KH, KW = w.shape
    if _is_pointwise(grad, (KH, KW), stride, padding, groups):
        return pointwise.correlate(grad, w[:, :, 0, 0].T, np.zeros(C, grad.dtype))
    if winograd.suits(grad, (KH, KW), stride, dilation, groups):
        turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        before = (2 - padding[0], 2 - padding[2])
        found = winograd.correlate(grad, turned, np.zeros(C, grad.dtype), (H, W), before)
        if found is not None:
            return found
    swapped = w.reshape(groups, O // groups, CG, KH, KW).swapaxes(1, 2)
    rows = list(_remainders(H, KH, stride[0], padding[0], dilation[0]))
    columns = list(_remainders(W, KW, stride[1], padding[2], dilation[1]))
    all_used = len(rows) * len(columns) == stride[0] * stride[1]
    dx = (np.empty if all_used else np.zeros)(x_shape, grad.dtype)  # 0 where no window looks
    for row in rows:
        for column in columns:
            part = swapped[:, :, :, row.taps][..., column.taps]  # (groups, CG, O/groups, taps…)
            strips = cut(
                N,
                O // groups,
                grad.shape[2:],
                (row.pixels, column.pixels),
                part.shape[3:],
                (1, 1),
                (row.before, column.before),
                (row.dilation, column.dilation),
            )
            weights = part.reshape(groups, CG, -1)
            start, step = (row.start, column.start), (stride[0], stride[1])
            _correlate(grad, weights, np.zeros(C, grad.dtype), strips, dx, start, step)
    return dx


def conv2d_weight_gradient(
    grad: Array,
    x: Array,
    w_shape: tuple[int, int, int, int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """∂L/∂w (O, C/groups, KH, KW) from grad = ∂L/∂y: each weight is one dot product.

        dw[o,c,u,v] = Σ_{n,i,j}  grad[n,o,i,j] · x[n, c, i·SH + u·DH − top, j·SW + v·DW − left]

    In the layout of a strip that is the row grad[o] times the row x shifted by offset[k]:

        for each strip:  pack x;  pack grad, with 0 where there is no window
            for 4 output channels o
                for 5 taps k
                    for l in range(L):  sum[o,k] += grad[o][l] · scratch[offset[k] + l]    20 sums

    The strips are summed in a fixed number of parts, so that the number of threads changes nothing.
    """
    O, CG, KH, KW = w_shape
    OG, K = O // groups, CG * KH * KW
    before = (padding[0], padding[2])
    if _is_pointwise(x, (KH, KW), stride, padding, groups):
        return pointwise.weight_gradient(grad, x).reshape(w_shape)
    if CG >= 8 and winograd.suits(x, (KH, KW), stride, dilation, groups):
        return winograd.weight_gradient(grad, x, before)
    if CG >= 8 and groups == 1 and vector.WIDE and x.dtype == np.float32:
        return _weight_gradient_by_channels(grad, x, w_shape, stride, before, dilation)
    count = (grad.shape[2], grad.shape[3])
    size = (x.shape[2], x.shape[3])
    strips = cut(x.shape[0], CG, size, count, (KH, KW), stride, before, dilation)
    rows, taps = _whole(OG, K, 5)
    # Enough pieces of work for 16 threads; a large table is split by output channel instead.
    parts = max(1, min(strips.strips, 16, 2**21 // (O * K)))
    splits = min(-(-rows // 4), -(-16 // (parts * groups)))
    partial = np.zeros((parts, groups, rows, taps), x.dtype)
    offsets = np.append(strips.offsets, np.zeros(taps - K, np.int64))
    strips = strips._replace(offsets=offsets)
    arguments = plain(grad), plain(x), strips, partial, splits
    run(shifts.weight_part, grad.size * K // TILED, parts * groups * splits, *arguments)
    return np.ascontiguousarray(partial.sum(axis=0)[:, :OG, :K]).reshape(w_shape)


def _weight_gradient_by_channels(
    grad: Array, x: Array, w_shape: tuple[int, ...], stride: Pair, before: Pair, dilation: Pair
) -> Array:
    """`conv2d_weight_gradient` in wide registers, see channels.py."""
    O, C, KH, KW = w_shape
    seen = (KH - 1) * dilation[0] + 1, (KW - 1) * dilation[1] + 1
    bands = channels.lay_out(len(x), grad.shape[2:], stride, seen, before, 128)
    most = 128 if KH * KW == 1 else 64  # channels whose sums stay in the second cache
    (outer, OK), (inner, CK) = channels.shares(O, most), channels.shares(C, most)
    parts = max(1, min(8, bands.strips, 16 // (outer * inner)))
    taps = np.stack(np.divmod(np.arange(KH * KW), KW), axis=1) * dilation
    partial = np.zeros((parts, outer, inner, KH * KW, OK, CK), np.float32)
    arguments = plain(grad), plain(x), bands, taps, partial
    operations = grad.size * C * KH * KW // TILED
    run(channels.weight_part, operations, parts * outer * inner, *arguments)
    dw = partial.sum(axis=0).transpose(0, 3, 1, 4, 2).reshape(outer * OK, inner * CK, KH, KW)
    return np.ascontiguousarray(dw[:O, :C])


def _is_pointwise(x: Array, kernel: Pair, stride: Pair, padding: Padding, groups: int) -> bool:
    """Whether pointwise.py serves: 1 × 1 filters on every pixel, in wide float32."""
    window = (kernel, stride, padding, groups)
    return vector.WIDE and x.dtype == np.float32 and window == ((1, 1), (1, 1), (0, 0, 0, 0), 1)


class _Remainder(NamedTuple):
    """Along one axis, the pixels with the same (pixel + before) mod stride, as a convolution."""

    start: int  # the first of these pixels
    pixels: int
    taps: Array  # the taps that reach them, last one first
    before: int  # the padding that brings the first window to its place
    dilation: int


def _remainders(
    size: int, kernel: int, stride: int, before: int, dilation: int
) -> Iterator[_Remainder]:
    """Sort pixels and taps by their remainder: i·S + u·D = pixel + before needs equal ones."""
    taps = np.arange(kernel)
    for remainder in range(stride):
        mine = taps[taps * dilation % stride == remainder][::-1]
        skipped = max(0, -((remainder - before) // stride))  # quotients that are still padding
        start = skipped * stride + remainder - before
        pixels = -((start - size) // stride)
        if len(mine) and pixels > 0:
            first = int(mine[0]) * dilation // stride - skipped
            yield _Remainder(start, pixels, mine, first, dilation // gcd(stride, dilation))


def _correlate(
    x: Array, w: Array, bias: Array, strips: Strips, y: Array, start: Pair, step: Pair
) -> None:
    """Write Σ_k w[g,o,k] · x[n, g, k shifted] + bias[g,o] to y[:, :, start::step, start::step]."""
    groups, OG, K = w.shape
    rows, taps = _whole(OG, K, 6)
    weights, biases = plain(w), bias.reshape(groups, OG)
    if (rows, taps) != (OG, K):
        weights, biases = np.zeros((groups, rows, taps), x.dtype), np.zeros((groups, rows), x.dtype)
        weights[:, :OG, :K], biases[:, :OG] = w, bias.reshape(groups, OG)
        # Taps that only fill up a block read a plane of zeros, the last one of the scratch.
        planes = x.shape[1] // groups * len(strips.row_phases) * len(strips.column_phases)
        zeros = planes * strips.plane
        strips = strips._replace(offsets=np.append(strips.offsets, np.full(taps - K, zeros)))
    operations = x.shape[0] * OG * groups * strips.row_count * strips.column_count * K // TILED
    arguments = plain(x), weights, biases, strips, y, start, step
    run(shifts.correlate_part, operations, strips.strips * groups, *arguments)


def _whole(outputs: int, taps: int, block: int) -> Pair:
    """Round up to whole blocks of 4 outputs by `block` taps."""
    return -(-outputs // 4) * 4, -(-taps // block) * block
