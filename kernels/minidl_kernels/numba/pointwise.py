"""Convolution with 1 × 1 filters in wide registers: a product of matrices.

    y[o,p] = bias[o] + Σ_c w[o,c] · x[c,p]        dw[o,c] = Σ_p grad[o,p] · x[c,p]
                                                  p: image and pixel
    y, panel by panel (`correlate`)
        for each panel of 96 pixels p
            copy the numbers of every channel c side by side: (c, 96)
            for 4 output channels o
                24 vectors of sums;  for all channels c
                    y[o,p] += w[o,c] · x[c,p]                              `fetching_product`
                write y

    dw, strip by strip (`weight_gradient`)
        for each strip of about 128 pixels p
            for 64 input channels c
                copy x with the channels innermost: (p, 64)
                for 4 output channels o
                    16 vectors of sums;  for all pixels p of the strip
                        dw[o,c] += grad[o,p] · x[p,c]                      `_products`

What is copied is small enough for the first cache or the second, and a number of it is loaded once
for four filters. The numbers of grad are used where they lie.

Large maps come from memory, and that takes as long as the products. So while the core multiplies
for y, it already fetches the next panel, one line of 16 numbers at each turn of the innermost loop.
All at once they would have to wait for each other, and the core for them. (For dw, asking costs
more than it brings.)

The gradient of x is y with the transposed weights. Maps of fewer than 16 pixels are too small for
vectors: all images are laid side by side, and BLAS multiplies the two matrices. It does so too
where there are few pixels in all. But BLAS copies the weights before it multiplies, and for a
handful of pixels that takes longer than the products: `_dot_part` reads them where they lie.
"""

import numpy as np

from minidl_kernels.numba.channels import shares, transpose
from minidl_kernels.numba.jit import inlined, jit, plain
from minidl_kernels.numba.matmul import matmul
from minidl_kernels.numba.shifts import aligned_zeros, dots
from minidl_kernels.numba.team import TILED, run
from minidl_kernels.numba.vector import (
    LANES,
    add_row,
    fence,
    fetch,
    load,
    load_first,
    load_row,
    splat,
    store,
    store_first,
    store_row,
)

Array = np.ndarray

_FEW = 512
"""Pixels of a whole batch, for which it does not pay to lay out the weights anew."""

_HANDFUL = 5
"""Pixels of a whole batch that are multiplied with the weights where these lie."""

_STRIP = 128
"""Pixels in a strip of the weight gradient: 64 channels of them are the first cache, 32 KB."""


def correlate(x: Array, w: Array, bias: Array) -> Array:
    """y (N, O, H, W) = Σ_c w[o,c] · x[n,c] + bias[o], for x (N, C, H, W) and w (O, C)."""
    O, C = w.shape
    N, _, H, W = x.shape
    if H * W < LANES or N * H * W < _FEW:
        pixels = _side_by_side(x)
        handful = pixels.shape[1] <= _HANDFUL and O % 4 == 0 and w.flags.c_contiguous
        y = _dot_products(w, pixels) if handful else matmul(w, pixels)
        y += bias[:, None]
        return _swapped(y.reshape(O, N, H * W)).reshape(N, O, H, W)
    blocks = -(-O // 4)
    weights = np.zeros((blocks, C, 4), np.float32)
    transposed = not w.flags.c_contiguous
    flat = plain(w.T if transposed else w).reshape(-1)
    run(_interleave_part, weights.size, blocks, flat, O, transposed, weights)
    y = np.empty((N, O, H * W), np.float32)
    panels = -(-N * -(-H * W // 16) // 6)
    rows = plain(x).reshape(N, C, H * W)
    run(_part, y.size * C // TILED, panels, rows, weights.reshape(-1), bias, y, panels)
    return y.reshape(N, O, H, W)


def weight_gradient(grad: Array, x: Array) -> Array:
    """dw (O, C) = Σ_{n,h,k} grad[n,o,h,k] · x[n,c,h,k].

    It is the fewer channels that are laid out anew, of x or else of grad. But 16 of them are too
    few: they would have one vector of sums for each filter, and the core waits for four of those.
    """
    N, C, H, W = x.shape
    O, P = grad.shape[1], H * W
    if P < LANES:
        return matmul(_side_by_side(grad), _side_by_side(x).T)
    if 16 < O < C or C <= 16 < O:
        return np.ascontiguousarray(weight_gradient(x, grad).T)
    images = max(1, _STRIP // P)
    pieces = -(-P // _STRIP)  # strips of an image
    span = -(-P // (16 * pieces)) * 16  # pixels of an image in a strip
    strips = -(-N // images) * pieces
    (outer, OK), (inner, CK) = shares(O, 128), shares(C, 128)
    parts = max(1, min(8, strips, 16 // (outer * inner)))
    partial = np.zeros((parts, outer, inner, OK, CK), np.float32)
    rows = plain(grad).reshape(N, O, P), plain(x).reshape(N, C, P)
    cut = images, pieces, span, strips
    run(_weight_part, grad.size * C // TILED, parts * outer * inner, *rows, cut, partial)
    dw = partial.sum(axis=0).transpose(0, 2, 1, 3).reshape(outer * OK, inner * CK)
    return np.ascontiguousarray(dw[:O, :C])


def _side_by_side(x: Array) -> Array:
    """x (N, C, H, W) as (C, N·H·W)."""
    N, C, H, W = x.shape
    return _swapped(plain(x).reshape(N, C, H * W)).reshape(C, -1)


def _swapped(maps: Array) -> Array:
    """maps (A, B, P) as (B, A, P). NumPy moves a map of a few numbers faster as one item."""
    if maps.size == 0:
        return np.ascontiguousarray(maps.swapaxes(0, 1))
    items = maps.view(f"V{maps.itemsize * maps.shape[2]}")
    return np.ascontiguousarray(items.swapaxes(0, 1)).view(maps.dtype)


def _dot_products(w: Array, x: Array) -> Array:
    """w (O, C) times x (C, P) for P ≤ 5: each number of y is the dot product of two rows."""
    (O, C), P = w.shape, x.shape[1]
    columns = np.zeros((_HANDFUL, C), np.float32)
    columns[:P] = x.T
    y = np.zeros((O // 4, 4, _HANDFUL), np.float32)
    starts = np.arange(_HANDFUL) * C
    run(_dot_part, w.size * P, len(y), plain(w).reshape(-1), columns.reshape(-1), starts, y)
    return y.reshape(O, _HANDFUL)[:, :P]


@jit
def _dot_part(t, threads, w, x, starts, y):
    """The share of thread t: some neighbouring blocks y[block, o, p] of four outputs."""
    C = len(x) // len(starts)
    for block in range(t * len(y) // threads, (t + 1) * len(y) // threads):
        dots(y[block], w[4 * block * C :], C, C, x, starts)


@jit
def _interleave_part(t, threads, w, O, transposed, weights):
    """The share of thread t: weights[block, c, a] = w[4·block + a, c], with w flat, maybe as wᵀ."""
    blocks, C, _ = weights.shape
    tile = 8 if transposed else C  # of wᵀ, a few rows at a time stay in the cache
    for start in range(0, C, tile):
        for block in range(t * blocks // threads, (t + 1) * blocks // threads):
            for c in range(start, min(start + tile, C)):
                for a in range(min(4, O - 4 * block)):
                    o = 4 * block + a
                    weights[block, c, a] = w[c * O + o] if transposed else w[o * C + c]


@jit
def _part(t, threads, x, w, bias, y, panels):
    """The share of thread t: some neighbouring panels, from x to y."""
    N, C, P = x.shape
    O = y.shape[1]
    pixels, outputs = x.reshape(-1), y.reshape(-1)
    packed = aligned_zeros(C * 96, x.dtype)
    sums = aligned_zeros(4 * 96, x.dtype)
    here, there = np.empty((6, 3), np.int64), np.empty((6, 3), np.int64)
    for panel in range(t * panels // threads, (t + 1) * panels // threads):
        _locate(panel, N, C, O, P, here)
        _locate(panel + 1, N, C, O, P, there)
        for c in range(C):
            for i in range(6):
                v = load_first(pixels, here[i, 0] + c * P, here[i, 2])
                store(packed, c * 96 + i * 16, v)
        for block in range(-(-O // 4)):
            ahead, step = (there[block, 0], P) if block < 6 else (0, 0)
            u = block * C * 4
            fetching_product(sums, w, u, packed, C, pixels, ahead, step)
            for o in range(4 * block, min(4 * block + 4, O)):
                b = splat(bias[o])
                for i in range(6):
                    v = load(sums, o % 4 * 96 + i * 16) + b
                    store_first(outputs, here[i, 1] + o * P, v, here[i, 2])


@inlined
def _locate(panel, N, C, O, P, places):
    """Where the six vectors of a panel lie in x and in y, in channel 0, and how many numbers."""
    vectors = -(-P // 16)  # of an image
    for i in range(6):
        n, p = (6 * panel + i) // vectors, (6 * panel + i) % vectors * 16
        if n < N:
            places[i, 0], places[i, 1], places[i, 2] = n * C * P + p, n * O * P + p, min(16, P - p)
        else:
            places[i, 0] = places[i, 1] = places[i, 2] = 0


@inlined
def fetching_product(sums, w, u, x, C, far, ahead, step):
    """sums[o,p] = Σ_c w[c,o] · x[c,p] for 4 outputs o and 96 places p, fetching as it goes.

    The arrays are flat: sums (4, 96), w (C, 4) from u on, x (C, 96). For each c it asks for the
    numbers at far[ahead + c·step], which will be wanted next.
    """
    zeros = splat(np.float32(0))
    s0 = s1 = s2 = s3 = (zeros, zeros, zeros, zeros, zeros, zeros)
    v = 0
    for _ in range(C):
        fetch(far, ahead)
        six = load_row(x, v, s0)
        s0 = add_row(s0, splat(w[u]), six)
        s1 = add_row(s1, splat(w[u + 1]), six)
        s2 = add_row(s2, splat(w[u + 2]), six)
        s3 = add_row(s3, splat(w[u + 3]), six)
        fence()
        u += 4
        v += 96
        ahead += step
    store_row(sums, 0, s0)
    store_row(sums, 96, s1)
    store_row(sums, 192, s2)
    store_row(sums, 288, s3)


@jit
def _weight_part(t, threads, grad, x, cut, partial):
    """The share of thread t: some neighbouring (part, chunk of outputs, chunk of inputs).

    cut: images in a strip, strips of an image, pixels of an image in a strip, strips.
    partial: (parts, chunks of outputs, chunks of inputs, outputs, inputs), zeros. Each part sums
    some neighbouring strips.
    """
    images, pieces, span, strips = cut
    parts, outer, inner, OK, CK = partial.shape
    N, C, P = x.shape
    O = grad.shape[1]
    pixels, slopes, sums = x.reshape(-1), grad.reshape(-1), partial.reshape(-1)
    packed = aligned_zeros(images * span * 64, x.dtype)
    zeros = splat(np.float32(0))
    one, two, three = (zeros,), (zeros, zeros), (zeros, zeros, zeros)
    four = (zeros, zeros, zeros, zeros)
    items = parts * outer * inner
    for item in range(t * items // threads, (t + 1) * items // threads):
        part, first, c = item // (outer * inner), item // inner % outer * OK, item % inner * CK
        for strip in range(part * strips // parts, (part + 1) * strips // parts):
            n, start = strip // pieces * images, strip % pieces * span
            bands, columns = min(images, N - n), min(span, P - start)
            k, end = c, min(c + CK, C)
            while k < end:
                step = min(64, -(-(end - k) // 16) * 16)
                for band in range(bands):
                    at = ((n + band) * C + k) * P + start
                    for l in range(0, columns, 16):
                        to, count = (band * columns + l) * step, min(16, columns - l)
                        for i in range(0, step, 16):
                            there = at + l + i * P
                            transpose(pixels, there, P, C - k - i, count, packed, to + i, step)
                for o in range(first, min(first + OK, O), 4):
                    corner, last = n * O * P + start, O - 1
                    rows = (
                        corner + o * P,
                        corner + min(o + 1, last) * P,
                        corner + min(o + 2, last) * P,
                        corner + min(o + 3, last) * P,
                    )
                    to = (item * OK + o - first) * CK + k - c
                    walk = O * P, bands, columns
                    if step == 64:
                        _products(sums, to, CK, slopes, rows, packed, walk, four)
                    elif step == 48:
                        _products(sums, to, CK, slopes, rows, packed, walk, three)
                    elif step == 32:
                        _products(sums, to, CK, slopes, rows, packed, walk, two)
                    else:
                        _products(sums, to, CK, slopes, rows, packed, walk, one)
                k += step


@inlined
def _products(sums, to, CK, grad, rows, x, walk, nothing):
    """sums[a, c] += Σ_p grad[rows[a] + p] · x[p, c] for 4 outputs a and some inputs c.

    walk: how far apart the images are in grad, how many bands of pixels p there are, one of each
    image, and the pixels of a band. They are summed up from 0 and then added: many short sums round
    less than a long one.
    nothing: vectors of zeros, as many as hold the inputs c: one to four.
    """
    far, bands, columns = walk
    s0 = s1 = s2 = s3 = nothing
    i = 0
    for band in range(bands):
        p0, p1 = rows[0] + band * far, rows[1] + band * far
        p2, p3 = rows[2] + band * far, rows[3] + band * far
        for l in range(columns):
            v = load_row(x, i, nothing)
            s0 = add_row(s0, splat(grad[p0 + l]), v)
            s1 = add_row(s1, splat(grad[p1 + l]), v)
            s2 = add_row(s2, splat(grad[p2 + l]), v)
            s3 = add_row(s3, splat(grad[p3 + l]), v)
            fence()
            i += 16 * len(nothing)
    one = splat(np.float32(1))
    for s in (s0, s1, s2, s3):
        store_row(sums, to, add_row(load_row(sums, to, s), one, s))
        to += CK
