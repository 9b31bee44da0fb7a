"""Convolution as a matrix product: im2col.

Write each window of the image as a column; then every output pixel is a row of weights times a
column of pixels, and the whole convolution is one matrix product, which BLAS does fast:

    columns[c·KH·KW + u·KW + v, i·OW + j] = x[c, i·SH + u·DH − top, j·SW + v·DW − left]
    y[o, i·OW + j] = Σ_k  w[o, k] · columns[k, i·OW + j]

        x (4×4), 3×3 windows         columns (9 × 4)            w (O × 9)      y (O × 4)
        ┌─────────┐                  a b e f                    ┌───────┐
        │ a b c d │  window (0,0):   b c f g    9 rows: one     │       │
        │ e f g h │  a b c           c d g h    for each (u,v)  │ O × 9 │  @ columns
        │ i j k l │  e f g    ───►   e f i j                    │       │
        │ m n o p │  i j k           …          4 columns: one  └───────┘
        └─────────┘                  k l o p    for each (i,j)

Backward is the same product transposed; `col2im` adds each column's gradient back to the pixels it
was copied from. A pixel appears in up to KH·KW columns, so the copy is that much larger than the
image: the batch is worked through in chunks that keep it small.

Shapes: x (N, C, H, W) · w (O, C/groups, KH, KW) · b (O,) · y (N, O, OH, OW).
"""

from collections.abc import Iterator

import numpy as np

from minidl_kernels.geometry import Padding, Pair, output_size, taps

Array = np.ndarray


def im2col(x: Array, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Array:
    """Copy every window of x (N, C, H, W) into a column: (N, C·KH·KW, OH·OW)."""
    N, C, H, W = x.shape
    top, bottom, left, right = padding
    OH, OW = output_size((H, W), kernel, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty((N, C, *kernel, OH, OW), x.dtype)
    for u, v in np.ndindex(*kernel):
        columns[:, :, u, v] = padded[:, :, *taps(u, v, (OH, OW), stride, dilation)]
    return columns.reshape(N, C * kernel[0] * kernel[1], OH * OW)


def col2im(
    columns: Array,
    x_shape: tuple[int, int, int, int],
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> Array:
    """Add every column (N, C·KH·KW, OH·OW) back to the pixels it came from: (N, C, H, W).

    It is the transpose of `im2col` as a linear map, not its inverse: a pixel that was copied into
    several columns receives the sum of them.
    """
    N, C, H, W = x_shape
    top, bottom, left, right = padding
    OH, OW = output_size((H, W), kernel, stride, padding, dilation)
    columns = columns.reshape(N, C, *kernel, OH, OW)
    padded = np.zeros((N, C, H + top + bottom, W + left + right), columns.dtype)
    for u, v in np.ndindex(*kernel):
        padded[:, :, *taps(u, v, (OH, OW), stride, dilation)] += columns[:, :, u, v]
    return padded[:, :, top : top + H, left : left + W]


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
    (O, CG, KH, KW), G = w.shape, groups
    kernel = KH, KW
    OH, OW = output_size(x.shape[2:], kernel, stride, padding, dilation)
    y = np.empty((x.shape[0], O, OH, OW), x.dtype)
    rows = w.reshape(G, O // G, -1)  # (G, O/G, K), K = C/G·KH·KW
    for part in _chunks(x.shape[0], x.itemsize * CG * G * KH * KW * OH * OW):
        columns = im2col(x[part], kernel, stride, padding, dilation)
        columns = columns.reshape(len(columns), G, rows.shape[2], OH * OW)  # (n, G, K, P)
        y[part] = (rows @ columns).reshape(-1, O, OH, OW)  # (G, O/G, K) @ (n, G, K, P)
    if b is not None:
        y += b[:, None, None]
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
    """∂L/∂x (N, C, H, W) from grad = ∂L/∂y (N, O, OH, OW): col2im of wᵀ · grad."""
    (O, _, KH, KW), G = w.shape, groups
    kernel = KH, KW
    P = grad.shape[2] * grad.shape[3]
    dx = np.empty(x_shape, grad.dtype)
    columns_of = w.reshape(G, O // G, -1).transpose(0, 2, 1)  # (G, K, O/G)
    K = columns_of.shape[1]
    for part in _chunks(x_shape[0], grad.itemsize * G * K * P):
        g = grad[part].reshape(-1, G, O // G, P)  # (n, G, O/G, P)
        dcolumns = (columns_of @ g).reshape(-1, G * K, P)
        part_shape = (len(g), *x_shape[1:])
        dx[part] = col2im(dcolumns, part_shape, kernel, stride, padding, dilation)
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
    """∂L/∂w (O, C/groups, KH, KW) from ∂L/∂y: Σ_n grad · columnsᵀ."""
    (O, CG, KH, KW), G = w_shape, groups
    kernel = KH, KW
    P = grad.shape[2] * grad.shape[3]
    K = CG * KH * KW
    dw = np.zeros((G, O // G, K), grad.dtype)
    for part in _chunks(x.shape[0], x.itemsize * G * K * P):
        columns = im2col(x[part], kernel, stride, padding, dilation).reshape(-1, G, K, P)
        g = grad[part].reshape(-1, G, O // G, P)
        dw += (g @ columns.transpose(0, 1, 3, 2)).sum(axis=0)
    return dw.reshape(w_shape)


def _chunks(N: int, bytes_an_image: int, budget: int = 8 << 20) -> Iterator[slice]:
    """Cut the batch so that the columns of one part take about `budget` bytes (8 MiB)."""
    step = max(1, budget // max(1, bytes_an_image))
    return (slice(start, min(start + step, N)) for start in range(0, N, step))
