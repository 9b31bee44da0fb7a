"""One look for all pictures: colours that colour-blind readers can tell apart, large plain text.

Pictures are made for slides and for half a page: 6.4 inches wide, text of 11 points and more.
Only `Figure` objects are used, never `pyplot`, so nothing global changes and no window opens.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette ("Color universal design", 2008), in the order pictures use it.
BLUE, ORANGE = "#0072B2", "#D55E00"
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C7A00")
INK, GREY, LIGHT = "#222222", "#6E6E6E", "#E3E3E3"

WIDTH = 6.4  # inches
TITLE, LABEL, TICK = 13, 11, 10  # points
DPI = 150


def figure(width: float = WIDTH, height: float = 4.0) -> Figure:
    """An empty white figure of `width` × `height` inches that arranges its parts itself."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def dress(ax: Axes, title: str = "", xlabel: str = "", ylabel: str = "") -> None:
    """Give axes their title, their labels, and as few lines as possible."""
    ax.set_title(title, fontsize=TITLE, color=INK, loc="left")
    ax.set_xlabel(xlabel, fontsize=LABEL, color=INK)
    ax.set_ylabel(ylabel, fontsize=LABEL, color=INK)
    ax.tick_params(labelsize=TICK, color=GREY, labelcolor=INK, length=3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.grid(True, color=LIGHT, linewidth=0.8)
    ax.set_axisbelow(True)


def show_image(ax: Axes, image: Any, title: str = "", colour: str = INK) -> None:
    """Draw one image (C, H, W), C = 1 (grey) or 3 (colour), uint8, without axes."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)  # (H, W) or (H, W, 3)
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_title(title, fontsize=TICK, color=colour)
    ax.set_axis_off()


def name(classes: Sequence[str], index: int) -> str:
    """The name of a class, or its number if the data set gives no names."""
    return str(classes[index]) if len(classes) else str(index)
