"""Brightness, contrast, saturation, hue, gamma; colour to grey and back."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms.arguments import (
    Interval,
    interval,
    log_uniform,
    positive_range,
    uniform,
)
from minidl.data.transforms.transform import Described, check_pixels, parts, rounded

Floats = NDArray[np.float32]
Change = Callable[[Floats, Floats], Floats]

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look: ITU-R Recommendation BT.601. They sum to 1."""


def luma(rgb: Floats) -> Floats:
    """Grey of the same brightness: (N, 3, H, W) → (N, 1, H, W)."""
    red, green, blue = map(np.float32, LUMA)
    grey = rgb[:, 0:1] * red
    grey += rgb[:, 1:2] * green
    grey += rgb[:, 2:3] * blue
    return grey


class Grayscale(Described):
    """Turn colour into grey: y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded.

    Grey images stay grey. torchvision takes 0.2989 for red, and cuts off instead of rounding.

    Args:
        num_output_channels: 1, or 3 for three equal channels.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Grey images, uint8 (N, num_output_channels, H, W)."""
        _check_colour(self, batch)
        N, C, H, W = batch.shape
        out = np.empty((N, self.num_output_channels, H, W), np.uint8)
        for part in parts(N, C * H * W):
            x = batch[part]
            out[part] = x if C == 1 else rounded(luma(x.astype(np.float32)))
        return out


class RGB(Described):
    """Make three equal channels of a grey image, for networks that take colour: 1 → 3 channels.

    Colour images stay as they are.
    """

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """Images with three channels, uint8 (N, 3, H, W)."""
        _check_colour(self, batch)
        N, _, H, W = batch.shape
        return np.broadcast_to(batch, (N, 3, H, W)).copy()


class Gamma(Described):
    """Brighten or darken the middle tones: y = 255 · (x/255)^γ; black and white stay.

    γ < 1 brightens, γ > 1 darkens. Each image draws the logarithm of γ uniformly, so that γ and 1/γ
    are as likely. torchvision has it as a function only, adjust_gamma.

    Args:
        gamma: one number, or (low, high) to draw from.
    """

    def __init__(self, gamma: float | Sequence[float] = (0.8, 1.25)) -> None:
        self.gamma = gamma
        self._gamma = positive_range("gamma", gamma)

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images with other middle tones, uint8 (N, C, H, W)."""
        check_pixels(self, batch)
        N, C, H, W = batch.shape
        gamma = log_uniform(rng, self._gamma, (N, 1))
        with np.errstate(under="ignore"):
            table = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)  # (N, 256)
        out = np.empty_like(batch)
        for part in parts(N, C * H * W):
            own = np.arange(N)[part, None, None, None] * 256  # where each image's table starts
            out[part] = table.reshape(-1).take(own + batch[part])
        return out


class ColorJitter(Described):
    """Change brightness, contrast, saturation and hue of each image by random amounts.

        brightness b    y = b · x
        contrast c      y = c · x + (1 − c) · mean of the image's luma
        saturation s    y = s · x + (1 − s) · luma of the pixel
        hue h           turns the colour circle by h (1 is once around); see `turn_hue`

    After each of them, what leaves 0…255 is cut off. They are done in an order drawn anew for each
    batch; the amounts each image draws for itself. Luma is 0.299 R + 0.587 G + 0.114 B. Rounded
    once at the end, where torchvision rounds after each. Grey images have no saturation and no hue:
    these two leave them alone.

    Args:
        brightness, contrast, saturation: one number v draws from max(0, 1 − v) … 1 + v; a pair
            (low, high) from low … high. 1 changes nothing.
        hue: one number v ≤ ½ draws from −v … v; or a pair. 0 changes nothing.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.brightness, self.contrast = brightness, contrast
        self.saturation, self.hue = saturation, hue
        self._steps: list[tuple[Change, Interval, float]] = [  # what to do, range, what is nothing
            (change_brightness, interval("brightness", brightness, around=1, least=0), 1),
            (change_contrast, interval("contrast", contrast, around=1, least=0), 1),
            (change_saturation, interval("saturation", saturation, around=1, least=0), 1),
            (turn_hue, interval("hue", hue, around=0, least=-0.5, most=0.5), 0),
        ]

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:
        """Images in other colours, uint8 (N, C, H, W)."""
        _check_colour(self, batch)
        N, C, H, W = batch.shape
        steps = [  # what to do, and the amounts (N, 1, 1, 1)
            (change, uniform(rng, limits, (N, 1, 1, 1)).astype(np.float32))
            for change, limits, nothing in self._steps
            if limits != (nothing, nothing)
        ]
        order = rng.permutation(len(steps))
        out = np.empty_like(batch)
        for part in parts(N, C * H * W):
            x = batch[part].astype(np.float32)
            for k in order:
                change, amount = steps[k]
                x = change(x, amount[part])
                np.clip(x, 0, 255, out=x)
            out[part] = rounded(x)
        return out


def change_brightness(x: Floats, b: Floats) -> Floats:
    """b · x for images x (N, C, H, W), b (N, 1, 1, 1)."""
    return x * b


def change_contrast(x: Floats, c: Floats) -> Floats:
    """c · x + (1 − c) · mean luma of the image, c (N, 1, 1, 1)."""
    grey = luma(x) if x.shape[1] == 3 else x
    return x * c + (1 - c) * grey.mean(axis=(1, 2, 3), keepdims=True)


def change_saturation(x: Floats, s: Floats) -> Floats:
    """s · x + (1 − s) · luma of the pixel, s (N, 1, 1, 1); grey images as they are."""
    return x * s + (1 - s) * luma(x) if x.shape[1] == 3 else x


def turn_hue(x: Floats, h: Floats) -> Floats:
    """Turn the colours of images (N, 3, H, W) by h (N, 1, 1, 1) of the colour circle.

    The circle is that of the HSV colours. With max and min over the three channels of a pixel, and
    d = max − min, the hue in sixths of the circle is

        H = (G − B)/d if R is max,  2 + (B − R)/d if G is,  4 + (R − G)/d if B is.

    H becomes H + 6h modulo 6; max and min, and so value and saturation, stay. Back to colours,
    with shares cut off at 0 and 1:

        R = min + d·(|H − 3| − 1)    G = min + d·(2 − |H − 2|)    B = min + d·(2 − |H − 4|)

    Grey images stay as they are.

    Source: A. R. Smith, Color gamut transform pairs, SIGGRAPH 1978.
    """
    if x.shape[1] == 1:
        return x
    red, green, blue = x[:, 0:1], x[:, 1:2], x[:, 2:3]  # (N, 1, H, W)
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    d = most - least
    per_d = 1 / np.where(d == 0, np.float32(1), d)  # grey has no hue; whatever is taken, d = 0
    hue = np.where(most == green, 2 + (blue - red) * per_d, 4 + (red - green) * per_d)
    hue = np.where(most == red, (green - blue) * per_d, hue)
    hue += 6 * h
    hue -= 6 * np.floor(hue / 6)
    out = np.empty_like(x)
    out[:, 0:1] = np.abs(hue - 3) - 1
    out[:, 1:2] = 2 - np.abs(hue - 2)
    out[:, 2:3] = 2 - np.abs(hue - 4)
    np.clip(out, 0, 1, out=out)
    out *= d
    out += least
    return out


def _check_colour(transform: object, batch: NDArray) -> None:
    """`check_pixels`, and ValueError for images that are neither grey nor in colour."""
    check_pixels(transform, batch)
    if batch.shape[1] not in (1, 3):
        raise ValueError(
            f"{type(transform).__name__} takes grey or RGB images, of 1 or 3 channels, "
            f"got {batch.shape[1]}"
        )
