"""Resizing and blurring treat rows and columns independently: each is a mean of a few others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.transform import rounded


@dataclass(frozen=True)
class Taps:
    """For each of h output rows (or columns), the K input rows it is made of, and their weights.

    Attributes:
        index: (N, h, K), or (1, h, K) for the same in all images.
        weight: float32, broadcasts with `index`; ≥ 0, and Σ_t weight[n,i,t] = 1.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float32]


def by_rows_and_columns(batch: NDArray[np.uint8], rows: Taps, columns: Taps) -> NDArray[np.uint8]:
    """Make new rows of the rows of all images, then new columns of the columns.

        y[n,c,i,j] = Σ_{t,u} rows.weight[n,i,t] · columns.weight[n,j,u]
                             · x[n, c, rows.index[n,i,t], columns.index[n,j,u]]

    Rounded once, at the end.

    Args:
        batch: x (N, C, H, W).
        rows: for the h new rows.
        columns: for the w new columns.

    Returns:
        y (N, C, h, w).
    """
    y = _by_rows(batch, rows)  # (N, C, h, W)
    # Whole rows are quick to fetch, single pixels are not: turn the image, and columns are rows.
    y = _by_rows(np.ascontiguousarray(y.swapaxes(2, 3)), columns)  # (N, C, w, h)
    return rounded(y).swapaxes(2, 3)


def _by_rows(x: NDArray, taps: Taps) -> NDArray[np.float32]:
    """New rows of images (N, C, H, W): (N, C, h, W)."""
    N, C, H, W = x.shape
    rows = x.reshape(N * C * H, W)
    start = np.arange(N * C).reshape(N, C, 1) * H  # of each plane
    out = np.zeros((N, C, taps.index.shape[1], W), np.float32)
    for t in range(taps.index.shape[2]):
        weight = taps.weight[:, None, :, t, None]  # (N, 1, h, 1)
        out += rows.take(start + taps.index[:, None, :, t], axis=0) * weight
    return out
