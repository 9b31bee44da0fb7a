"""Images of another size, and random windows brought to one size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import height_and_width, log_uniform, positive_range, uniform
from minidl.data.transforms.rows_and_columns import Taps, by_rows_and_columns
from minidl.data.transforms.transform import Described, check_pixels, parts

TRIALS = 10


class Resize(Described):
    """Bring all images to another size, bilinearly; see `reading_taps`.

    torchvision's other interpolations are not offered.

    Args:
        size: (height, width); or one number for the shorter side, and the longer one follows, as
            whole number below size · longer / shorter.
        max_size: with one number only: if the longer side would be longer than this, it becomes
            this, and the shorter side follows.
        antialias: when shrinking, take the mean over all that becomes one pixel. Without it only
            four pixels count for each, and fine patterns turn into coarse ones.
    """

    def __init__(
        self, size: int | Sequence[int], max_size: int | None = None, antialias: bool = True
    ) -> None:
        self._size = height_and_width(size)
        if max_size is not None and (not isinstance(size, int) or max_size <= size):
            raise ValueError(
                "max_size limits the longer side where size is one number for the shorter side, "
                f"and must be above it, got size={size}, max_size={max_size}"
            )
        self.size, self.max_size, self.antialias = size, max_size, antialias

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Images of the other size, uint8 (N, C, h, w)."""
        check_pixels(self, batch)
        N, C, H, W = batch.shape
        h, w = self.new_size(H, W)
        if (h, w) == (H, W):
            return batch.copy()
        rows = reading_taps(np.zeros(1), np.full(1, H), H, h, self.antialias)
        columns = reading_taps(np.zeros(1), np.full(1, W), W, w, self.antialias)
        out = np.empty((N, C, h, w), np.uint8)
        for part in parts(N, C * max(H, h) * max(W, w)):
            out[part] = by_rows_and_columns(batch[part], rows, columns)
        return out

    def new_size(self, H: int, W: int) -> tuple[int, int]:
        """What images of H × W are brought to."""
        if not isinstance(self.size, int):
            return self._size
        short, long = self.size, int(self.size * max(H, W) / min(H, W))
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        return (short, long) if H <= W else (long, short)


class RandomResizedCrop(Described):
    """Cut a window of random area, shape and place, another for each image; resize all to `size`.

    The window's area is uniform in `scale` of the image's, the logarithm of its shape width /
    height uniform in that of `ratio`. A window that does not fit is drawn again, ten times at most;
    after that it is the largest in the middle whose shape is allowed. Resizing is as in `Resize`.

    This is how networks for ImageNet are trained. For CIFAR, a scale from 0.08 on hides too much.

    Args:
        size: height and width that each window is brought to; a single number makes it square.
        scale: (low, high), share of the image's area.
        ratio: (low, high), width / height.
        antialias: see `Resize`.

    Source: C. Szegedy et al., Going deeper with convolutions, 2014, section 6.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        antialias: bool = True,
    ) -> None:
        self.size, self.scale, self.ratio, self.antialias = size, scale, ratio, antialias
        self._size = height_and_width(size)
        self._scale = positive_range("scale", scale)
        self._ratio = positive_range("ratio", ratio)
        if self._scale[1] > 1:
            raise ValueError(
                f"scale is a share of the image's area, at most 1, got {scale}: "
                "to make room around an image, let Pad come first"
            )

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """A window of each image, uint8 (N, C, h, w) with (h, w) = size."""
        check_pixels(self, batch)
        N, C, H, W = batch.shape
        h, w = self._size
        top, left, height, width = self.windows(N, H, W, rng)
        out = np.empty((N, C, h, w), np.uint8)
        for part in parts(N, C * max(H, h) * max(W, w)):
            rows = reading_taps(top[part], height[part], H, h, self.antialias)
            columns = reading_taps(left[part], width[part], W, w, self.antialias)
            out[part] = by_rows_and_columns(batch[part], rows, columns)
        return out

    def windows(
        self, N: int, H: int, W: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Draw (top, left, height, width) of N windows in images of H × W, each (N,)."""
        area = H * W * uniform(rng, self._scale, (TRIALS, N))
        shape = log_uniform(rng, self._ratio, (TRIALS, N))
        width = np.rint(np.sqrt(area * shape)).astype(np.int64)  # (TRIALS, N)
        height = np.rint(np.sqrt(area / shape)).astype(np.int64)
        fits = (width > 0) & (width <= W) & (height > 0) & (height <= H)
        first = fits.argmax(axis=0), np.arange(N)  # the first trial that fits; 0 if none does
        lucky = fits.any(axis=0)
        allowed = min(max(W / H, self._ratio[0]), self._ratio[1])
        width = np.where(lucky, width[first], min(W, round(H * allowed)))
        height = np.where(lucky, height[first], min(H, round(W / allowed)))
        top = np.where(lucky, rng.integers(0, H - height + 1), (H - height) // 2)
        left = np.where(lucky, rng.integers(0, W - width + 1), (W - width) // 2)
        return top, left, height, width


def reading_taps(start: NDArray, length: NDArray, size: int, out: int, antialias: bool) -> Taps:
    """Bring a window of each image's rows (or columns) to `out` rows.

    The window covers [start, start + length) of the axis [0, size); pixel h covers [h, h + 1). In
    steps of s = length / out, the centre of output pixel i lies at p_i = start + (i + ½)·s, and

        weight of pixel h ∝ max(0, 1 − |h + ½ − p_i| / r)      r = max(s, 1), or 1 without antialias

    in the window and 0 outside, summing to 1. At r = 1 these are the two weights of linear
    interpolation; at the window's edge its outermost pixel counts alone. At r > 1 the triangle is
    as wide as two output pixels, the usual antialiasing (Pillow's BILINEAR).

    Args:
        start, length: (N,), in pixels.
        size: number of pixels of the axis.
        out: number of output pixels.
    """
    start, length = start[:, None, None], length[:, None, None]
    step = length / out  # (N, 1, 1)
    places = start + (np.arange(out)[:, None] + 0.5) * step  # (N, out, 1)
    reach = np.maximum(step, 1) if antialias else np.ones_like(step)
    K = int(np.ceil(2 * reach.max(initial=1)))
    pixels = np.ceil(places - reach - 0.5).astype(np.int64) + np.arange(K)  # (N, out, K)
    weight = np.maximum(0, 1 - np.abs(pixels + 0.5 - places) / reach)
    weight *= (pixels >= start) & (pixels < start + length)
    weight /= weight.sum(axis=2, keepdims=True)
    return Taps(np.clip(pixels, 0, size - 1), weight.astype(np.float32))
