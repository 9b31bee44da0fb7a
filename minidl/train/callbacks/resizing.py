"""Progressive resizing: small images first, which take little time, large ones at the end."""

from collections.abc import Sequence

import numpy as np

from minidl import functional as F
from minidl.autograd import no_grad
from minidl.train.callbacks.callback import Callback
from minidl.train.state import State


class ProgressiveResizing(Callback):
    """Bring the training images to one size after the other, each for an equal part of the run.

        size of epoch e = sizes[⌊e · S / epochs⌋],   S = len(sizes)

    A step on images of half the height and width takes a quarter of the time, and what a network
    learns first can be seen in small images too. The validation images keep their size, so
    accuracy climbs steeply once the training images have it as well.

    It needs a network that takes images of any size: one with an average over the last feature map,
    whatever its size, in front of the classifier, as in ResNet, DenseNet and MobileNet.

    Args:
        sizes: height and width in pixels, in the order of the run; the last is the images' own.

    Sources: Howard and Gugger, fastai, 2020 ("progressive resizing"); Tan and Le, EfficientNetV2,
    2021, section 4.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes are heights in pixels, at least one and all ≥ 1, not {sizes}")
        self.sizes = tuple(sizes)

    def size(self, epoch: int, epochs: int) -> int:
        """Height and width of the training images in an epoch, counted from 0, of `epochs`."""
        return self.sizes[epoch * len(self.sizes) // epochs]

    def on_step_start(self, state: State) -> None:
        """Resize the batch."""
        state.images = resized(state.images, self.size(state.epoch, state.epochs))


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Images (N, C, H, W), read bilinearly at size × size places; (N, C, size, size)."""
    if images.shape[2:] == (size, size):
        return images
    with no_grad():
        return F.interpolate(images, (size, size), mode="bilinear").data
