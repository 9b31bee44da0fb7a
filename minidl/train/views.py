"""Views of an image for test-time augmentation: its mirror image, its corners, its scales.

A view is a transform without chance, to be put before normalisation:

    transforms = [Compose([view, normalise]) for view in ten_crops(28)]
    loaders = [DataLoader(test, 250, transform=transform) for transform in transforms]
    evaluate_ensemble([model], loaders)

Ten crops, the four corners, the centre, and all of them mirrored, are how AlexNet was tested
(Krizhevsky et al. 2012, section 4.1). Choose views that resemble what the model was trained on: a
network that never saw a mirrored digit has no good opinion on one.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.data.transforms import Compose, Pad, RandomHorizontalFlip, Resize, Transform

AS_IT_IS = Compose([])
MIRRORED = RandomHorizontalFlip(p=1)


class Window:
    """Cut the same window out of every image.

    Args:
        size: height and width; a single number makes it square.
        down, right: where, as a share of the room there is: (0, 0) is the upper left corner,
            (½, ½) the centre, (1, 1) the lower right corner.
    """

    def __init__(self, size: int | tuple[int, int], down: float, right: float) -> None:
        self.size = (size, size) if isinstance(size, int) else size
        self.place = down, right

    def __call__(self, batch: NDArray, rng: np.random.Generator) -> NDArray:  # noqa: ARG002
        """The window of each image, (N, C, h, w)."""
        (H, W), (h, w) = batch.shape[2:], self.size
        if h > H or w > W:
            raise ValueError(
                f"a window of {h}×{w} does not fit into images of {H}×{W}: choose a smaller size "
                "or more padding"
            )
        top, left = (
            int(share * room) for share, room in zip(self.place, (H - h, W - w), strict=True)
        )
        return batch[:, :, top : top + h, left : left + w]

    def __repr__(self) -> str:
        return f"Window({self.size}, down={self.place[0]}, right={self.place[1]})"


def flips() -> list[Transform]:
    """Two views: the image, and its mirror image."""
    return [AS_IT_IS, MIRRORED]


def five_crops(size: int | tuple[int, int], padding: int = 0) -> list[Transform]:
    """Five views: the windows of `size` in the centre and in the four corners.

    Args:
        size: height and width.
        padding: black pixels added on each side before the cut. With size the image's own, the
            views are the image shifted by that much, as RandomCrop shifts it in training.
    """
    places = [(0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1)]
    return [Compose([Pad(padding), Window(size, *place)]) for place in places]


def ten_crops(size: int | tuple[int, int], padding: int = 0) -> list[Transform]:
    """Ten views: five crops and their mirror images."""
    return with_mirrored(five_crops(size, padding))


def multi_scale(
    scales: Iterable[int], size: int, squares: Sequence[float] = (0, 0.5, 1)
) -> list[Transform]:
    """The views of GoogLeNet's final test: 4 scales × 3 squares × 6 crops × 2 mirrored = 144.

    The image is resized until its shorter side is `scale`; out of it a square is cut, at the left,
    in the centre and at the right (or top, centre, bottom); out of that the five crops of `size`,
    and the whole square resized to it. Sizes differ more than crops do, so this is what a network
    gains by that saw objects of many sizes.

    Args:
        scales: lengths of the shorter side; in the paper 256, 288, 320, 352.
        size: what the network takes; in the paper 224.
        squares: where the squares lie, from 0 to 1; (0.5,) for images that are square already.

    Source: Szegedy et al., Going Deeper with Convolutions, 2015, section 7.
    """
    crops: list[Transform] = [*five_crops(size), Resize(size)]
    return with_mirrored(
        Compose([Resize(scale), Window(scale, place, place), crop])
        for scale in scales
        for place in squares
        for crop in crops
    )


def with_mirrored(views: Iterable[Transform]) -> list[Transform]:
    """Each view, and each view mirrored."""
    views = list(views)
    return views + [Compose([view, MIRRORED]) for view in views]


def named_views(name: str, size: tuple[int, int]) -> list[Transform]:
    """The views that `minidl evaluate --tta` offers, for networks that take images of one size.

    Crops are shifted by one pixel in 32, as Jordan (94 % on CIFAR-10 in 3.29 Seconds on a Single
    GPU, 2024) does it: a larger shift loses more at the edge than another opinion is worth.

    Args:
        name: "none", "flip", "five" or "ten".
        size: height and width of the images.
    """
    shift = max(1, size[0] // 32)
    match name:
        case "none":
            return [AS_IT_IS]
        case "flip":
            return flips()
        case "five":
            return five_crops(size, shift)
        case "ten":
            return ten_crops(size, shift)
    raise ValueError(f"there are no views {name!r}; there are none, flip, five, ten")
