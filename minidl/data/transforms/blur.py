"""Filters that smooth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import positive_range, uniform
from minidl.data.transforms.rows_and_columns import Taps, by_rows_and_columns
from minidl.data.transforms.transform import Described, check_pixels, parts


class GaussianBlur(Described):
    """Blur by a bell curve, as wide as each image draws it.

        y[i,j] = Σ_{u,v} g_y[u] · g_x[v] · x[i+u, j+v]     g[u] ∝ exp(−u² / 2σ²), summing to 1

    with u in −(k−1)/2 … (k−1)/2 for a kernel of k. The image is mirrored at its outermost pixels.

    Args:
        kernel_size: k, odd; or (width, height) of the kernel, in torchvision's order.
        sigma: standard deviation of the curve in pixels: one number, or (low, high) to draw from.
    """

    def __init__(
        self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)
    ) -> None:
        sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) != 2 or not all(k > 0 and k % 2 == 1 for k in sizes):
            raise ValueError(
                "kernel_size is an odd number of pixels, so that the kernel has a middle, or two, "
                f"(width, height), got {kernel_size}"
            )
        self.kernel_size, self.sigma = kernel_size, sigma
        self._sizes, self._sigma = sizes, positive_range("sigma", sigma)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Blurred images, uint8 (N, C, H, W)."""
        check_pixels(self, batch)
        N, C, H, W = batch.shape
        for name, size, k in (("high", H, self._sizes[1]), ("wide", W, self._sizes[0])):
            if k // 2 >= size:
                raise ValueError(
                    f"a kernel of {k} reaches {k // 2} pixels over the edge, but images {size} "
                    f"pixels {name} have only {size - 1} to mirror there: "
                    f"choose a kernel_size of at most {2 * size - 1}"
                )
        sigma = uniform(rng, self._sigma, N)
        out = np.empty_like(batch)
        for part in parts(N, C * H * W):
            rows = _bell_curve(H, self._sizes[1], sigma[part])
            columns = _bell_curve(W, self._sizes[0], sigma[part])
            out[part] = by_rows_and_columns(batch[part], rows, columns)
        return out


def _bell_curve(size: int, k: int, sigma: NDArray) -> Taps:
    """Each of `size` rows (or columns) as a mean of the k around it, σ (N,) for each image."""
    u = np.arange(k) - k // 2
    around = np.arange(size)[None, :, None] + u  # (1, size, k)
    mirrored = size - 1 - np.abs(size - 1 - np.abs(around))  # −1 → 1, size → size − 2
    with np.errstate(under="ignore"):
        g = np.exp(-0.5 * (u / sigma[:, None, None]) ** 2)  # (N, 1, k)
    return Taps(mirrored, (g / g.sum(axis=2, keepdims=True)).astype(np.float32))


class MedianBlur(Described):
    """Replace each pixel by the median of the kernel_size × kernel_size pixels around it.

    Single wrong pixels vanish, edges stay sharp. Channels are treated apart; beyond the image its
    outermost pixels go on. Not in torchvision.

    A median needs no sorting. Of m = k²/2 + 2 values (rounded down) the least and the greatest
    cannot be the median of k²: drop both, take in the next value, and so on until one is left.
    Values are whole images here, and a comparison is `np.minimum` and `np.maximum`.

    Args:
        kernel_size: k, odd.

    Source: A. Paeth, Median finding on a 3×3 grid, in Graphics Gems, 1990.
    """

    def __init__(self, kernel_size: int = 3) -> None:
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                "kernel_size is an odd number of pixels, so that the kernel has a middle, "
                f"got {kernel_size}"
            )
        self.kernel_size = kernel_size

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Smoothed images, uint8 (N, C, H, W)."""
        check_pixels(self, batch)
        N, C, H, W = batch.shape
        if not batch.size:
            return batch.copy()
        k = self.kernel_size
        out = np.empty_like(batch)
        for part in parts(N, C * H * W * k):
            padded = np.pad(batch[part], ((0, 0), (0, 0), (k // 2,) * 2, (k // 2,) * 2), "edge")
            shifts = [padded[:, :, u : u + H, v : v + W] for u in range(k) for v in range(k)]
            out[part] = _median(shifts)
        return out


def _median(values: list[NDArray]) -> NDArray:
    """The median of an odd number of arrays, element by element."""
    m = len(values) // 2 + 2
    kept, coming = values[:m], values[m:]
    while len(kept) > 1:
        last = len(kept) - 1
        for i in range(len(kept) // 2):  # the least is now in the first half, the greatest in the
            kept[i], kept[last - i] = _in_order(kept[i], kept[last - i])  # second
        for i in range(1, last // 2 + 1):
            kept[0], kept[i] = _in_order(kept[0], kept[i])
        for i in range((last + 1) // 2, last):
            kept[i], kept[last] = _in_order(kept[i], kept[last])
        kept, coming = kept[1:-1] + coming[:1], coming[1:]
    return kept[0]


def _in_order(a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
    return np.minimum(a, b), np.maximum(a, b)
