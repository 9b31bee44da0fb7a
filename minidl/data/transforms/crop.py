"""Windows of images, and frames around them."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from minidl.data.transforms.arguments import fill_values, height_and_width
from minidl.data.transforms.transform import Described, check_images

MODES = ("constant", "edge", "reflect", "symmetric")


class Pad:
    """Add a frame of `padding` pixels: `Pad(2)` makes 32×32 of MNIST's 28×28.

    Args:
        padding: one number for all four sides, or (left and right, top and bottom), or (left, top,
            right, bottom).
        fill: the frame's colour, black by default: one number, or one for each channel.
        padding_mode: "constant" takes `fill`; "edge" repeats the outermost pixels; "reflect"
            mirrors the image at their centres, "symmetric" at its edges.
    """

    def __init__(
        self,
        padding: int | Sequence[int],
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        sides = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(sides) not in (1, 2, 4) or not all(side >= 0 for side in sides):
            raise ValueError(
                "padding is a number of pixels, 0 or more, for all sides, or two such numbers for "
                f"(x, y), or four for (left, top, right, bottom), got {padding}"
            )
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode is one of {', '.join(MODES)}, got {padding_mode!r}")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode
        self._sides = (sides * (4 // len(sides)))[:4]

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Images with a frame, (N, C, H + top + bottom, W + left + right)."""
        check_images(self, batch)
        N, C, H, W = batch.shape
        left, top, right, bottom = self._sides
        if self.padding_mode != "constant":
            self._check_mirrors(H, W)
            frame = ((0, 0), (0, 0), (top, bottom), (left, right))
            return np.pad(batch, frame, mode=self.padding_mode)  # type: ignore[call-overload]
        out = np.empty((N, C, H + top + bottom, W + left + right), batch.dtype)
        out[:] = fill_values(self.fill, batch)
        out[:, :, top : top + H, left : left + W] = batch
        return out

    def _check_mirrors(self, H: int, W: int) -> None:
        """ValueError if a side is wider than what the image has to be mirrored or repeated."""
        left, top, right, bottom = self._sides
        for name, size, widest in (("high", H, max(top, bottom)), ("wide", W, max(left, right))):
            there = {"edge": widest if size else 0, "reflect": size - 1, "symmetric": size}
            if widest > there[self.padding_mode]:
                raise ValueError(
                    f"padding of {widest} in the mode {self.padding_mode!r} needs as many pixels "
                    f"to copy, but images {size} pixels {name} have {there[self.padding_mode]}: "
                    "choose less padding or the mode 'edge'"
                )

    def __repr__(self) -> str:
        return f"Pad({self.padding}{_unusual(self)})"


class RandomCrop:
    """Pad, then cut a window of `size` at a random place, another for each image.

    Every place where the window fits is equally likely. `RandomCrop(32, padding=4)` is the
    augmentation of CIFAR in K. He et al., Deep residual learning, 2015, section 4.2.

    torchvision's `pad_if_needed` is not offered: padding=… says how much.

    Args:
        size: height and width of the window; a single number makes it square.
        padding, fill, padding_mode: the frame added before the cut; see `Pad`.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] = 0,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = height_and_width(size)
        self.pad = Pad(padding, fill, padding_mode)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """A window of each image, (N, C, h, w) with (h, w) = size."""
        padded = self.pad(batch, rng)
        N, _, H, W = padded.shape
        h, w = self.size
        if h > H or w > W:
            raise ValueError(
                f"a window of {h}×{w} does not fit into images of {H}×{W} "
                f"(padding of {self.pad.padding} included): choose a smaller size or more padding"
            )
        top = rng.integers(0, H - h + 1, N)
        left = rng.integers(0, W - w + 1, N)
        windows = sliding_window_view(padded, self.size, axis=(2, 3))  # (N, C, H-h+1, W-w+1, h, w)
        return windows[np.arange(N), :, top, left]  # (N, C, h, w)

    def __repr__(self) -> str:
        h, w = self.size
        size = h if h == w else self.size
        return f"RandomCrop({size}, padding={self.pad.padding}{_unusual(self.pad)})"


class CenterCrop(Described):
    """Cut the window of `size` in the middle.

    Where the rest is odd, the window starts at ½ pixel rounded to the even number, as in
    torchvision. Images smaller than the window are an error here, not padded.

    Args:
        size: height and width of the window; a single number makes it square.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = size
        self._size = height_and_width(size)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """The middle of each image, (N, C, h, w) with (h, w) = size."""
        check_images(self, batch)
        H, W = batch.shape[2:]
        h, w = self._size
        if h > H or w > W:
            raise ValueError(
                f"a window of {h}×{w} does not fit into images of {H}×{W}: "
                "choose a smaller size, or let Resize or Pad come first"
            )
        top, left = round((H - h) / 2), round((W - w) / 2)
        return batch[:, :, top : top + h, left : left + w].copy()


def _unusual(pad: Pad) -> str:
    """What a `repr` says of a frame that is not black."""
    fill = f", fill={pad.fill}" if pad.fill != 0 else ""
    mode = f", padding_mode={pad.padding_mode!r}" if pad.padding_mode != "constant" else ""
    return fill + mode
