"""What a transform makes of images: the original, and beside it what was drawn."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from minidl.viz.style import GREY, INK, TICK, TITLE, figure, show_image

CELL = 1.1  # inches


def contact_sheet(
    images: np.ndarray,
    transform: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    draws: int = 6,
    seed: int = 0,
    names: Sequence[str] = (),
    title: str | None = None,
) -> Figure:
    """Show images and what a transform makes of them: a row an image, a column a draw.

    Column j comes from `transform(images, default_rng([seed, j]))`, j = 1 … draws. What comes back
    normalised is brought to black … white again, channel by channel, with the least and the
    greatest number on the sheet.

    Args:
        images: (N, C, H, W) uint8, C = 1 or 3; a handful.
        transform: such as a `minidl.data.Compose`.
        draws: how often to draw.
        seed: another one shows other draws.
        names: what each image is, N of them.
        title: None for the transform's own description.

    Raises:
        ValueError: there are no images, or another number of names.
    """
    if images.ndim != 4 or not len(images) or draws < 1:
        raise ValueError(
            "a contact sheet needs images (N, C, H, W), N ≥ 1, and draws ≥ 1, "
            f"got {images.shape} and draws={draws}"
        )
    if len(names) not in (0, len(images)):
        raise ValueError(f"there are {len(images)} images but {len(names)} names")
    drawn = [transform(images, np.random.default_rng([seed, j])) for j in range(1, draws + 1)]
    columns = [images, *_visible(drawn)]
    width = CELL * len(columns) + (0.9 if len(names) else 0.1)
    described = _steps(transform) if title is None else [title]
    lines = [
        line
        for step in described
        for line in textwrap.wrap(step, int(9.5 * width), subsequent_indent="      ")
    ]
    fig = figure(
        width=width,
        height=(CELL + 0.03) * len(images) + 0.22 * len(lines) + 0.45,
    )
    fig.suptitle("\n".join(lines), fontsize=TITLE - 2, color=INK, x=0.01, ha="left")
    axes = fig.subplots(len(images), len(columns), squeeze=False)
    for j, column in enumerate(columns):
        for n, image in enumerate(column):
            show_image(axes[n, j], image)
        axes[0, j].set_title(f"draw {j}" if j else "original", fontsize=TICK, color=INK)
    for n, name in enumerate(names):
        axes[n, 0].text(
            -0.08,
            0.5,
            name,
            fontsize=TICK,
            color=GREY,
            ha="right",
            va="center",
            transform=axes[n, 0].transAxes,
        )
    return fig


def _visible(drawn: list[np.ndarray]) -> list[np.ndarray]:
    """The draws as uint8: floats are stretched so that each channel covers 0…255."""
    if drawn[0].dtype == np.uint8:
        return drawn
    sheet = np.stack(drawn)  # (draws, N, C, H, W)
    least = sheet.min(axis=(0, 1, 3, 4), keepdims=True)
    spread = sheet.max(axis=(0, 1, 3, 4), keepdims=True) - least
    stretched = (sheet - least) / np.where(spread == 0, 1, spread)
    return list(np.rint(255 * stretched).astype(np.uint8))


def _steps(transform: object) -> list[str]:
    """A transform's description, a line for each step of a `Compose`."""
    steps = getattr(transform, "transforms", None)
    return [repr(step) for step in steps] if isinstance(steps, tuple) else [repr(transform)]
