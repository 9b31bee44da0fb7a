"""Small pictures side by side in one frame, and arrays of any scale as pictures."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from minidl.viz.style import BLUE, INK, LABEL, LIGHT, ORANGE, TICK, dress

Array = np.ndarray

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#FFFFFF", ORANGE])
"""Negative blue, zero white, positive orange."""
UNSIGNED = "viridis"
MANY = 16  # more columns than this are not numbered one by one
FINE = 12  # the canvas has at least so many pixels for the width of a tile, or gaps would be wide


def stretched(image: Array) -> Array:
    """An image (C, H, W) of any scale as (C', H, W) uint8: its smallest number 0, its largest 255.

    One channel and three stay; of any other number the mean is shown.
    """
    pixels = image if len(image) in (1, 3) else image.mean(axis=0, keepdims=True)
    low, high = pixels.min(), pixels.max()
    return np.rint(255 * (pixels - low) / (high - low or 1)).astype(np.uint8)


def opaque(images: Array) -> Array:
    """Images (n, C, H, W) with numbers from 0 to 1, C = 1 or 3, as colours (n, H, W, 4)."""
    n, _, H, W = images.shape
    colours = np.ones((n, 4, H, W))
    colours[:, :3] = images  # grey is three equal channels
    return colours.transpose(0, 2, 3, 1)


def tiled(tiles: Array, columns: int) -> Array:
    """Tiles (n, H, W, …) row by row on one canvas, with gaps of NaN, or of 0 for colours."""
    n, H, W, *channels = tiles.shape
    gap, rows = gap_of(W), -(-n // columns)
    canvas = np.full(
        (rows * (H + gap) - gap, columns * (W + gap) - gap, *channels), 0.0 if channels else np.nan
    )
    for k, tile in enumerate(tiles):
        top, left = (k // columns) * (H + gap), (k % columns) * (W + gap)
        canvas[top : top + H, left : left + W] = tile
    return canvas


def gap_of(width: int) -> int:
    """How many pixels of the canvas lie between tiles of this width."""
    return max(1, width // FINE)


def draw_tiles(
    ax: Axes,
    tiles: Array,
    columns: int,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    limit: float | None = None,
) -> AxesImage:
    """Draw tiles (n, H, W) or colours (n, H, W, 4) in one frame, numbered along its edges.

    With `ylabel` and without `xlabel`, a row is numbered by its first tile; with both by itself.

    Args:
        ax: where.
        tiles: what; numbers below zero choose a colour map with white for zero.
        columns: how many stand in a row.
        title, xlabel, ylabel: the words.
        limit: the number that has the strongest colour; the largest there is if None.
    """
    enlarge = -(-FINE // tiles.shape[2])
    tiles = tiles.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    n, H, W = tiles.shape[:3]
    gap, rows = gap_of(W), -(-n // columns)
    signed = tiles.min(initial=0) < 0
    if limit is None:
        limit = float(np.abs(tiles).max(initial=0)) or 1.0
    image = ax.imshow(
        tiled(tiles, columns),
        cmap=SIGNED if signed else UNSIGNED,
        vmin=-limit if signed else 0.0,
        vmax=limit,
        interpolation="nearest",
    )
    dress(ax, title, xlabel, ylabel)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_facecolor(LIGHT)  # what shows in the gaps
    ax.tick_params(length=0)
    every = 1 if columns <= MANY else 8
    across, down = np.arange(0, columns, every), np.arange(0, rows, 1 if rows <= MANY else 4)
    ax.set_xticks(across * (W + gap) + (W - 1) / 2, [str(k) for k in across] if xlabel else [])
    first = down if xlabel else down * columns
    ax.set_yticks(down * (H + gap) + (H - 1) / 2, [str(k) for k in first] if ylabel else [])
    return image


def colour_bar(fig: Figure, image: ScalarMappable, ax: Axes | list[Axes], label: str) -> None:
    """Put the meaning of the colours beside the axes they are used in."""
    bar = fig.colorbar(image, ax=ax, shrink=0.8, pad=0.02)
    bar.set_label(label, fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK, labelcolor=INK)
    bar.outline.set_visible(False)
