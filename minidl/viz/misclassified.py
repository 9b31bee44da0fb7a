"""The images a classifier got wrong, the most confident mistakes first."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minidl.viz.style import INK, ORANGE, TITLE, figure, name, show_image


def misclassified(
    images: np.ndarray,
    labels: np.ndarray,
    predictions: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str] = (),
    most: int = 20,
) -> Figure:
    """Show wrongly classified images with what they are and what the model said.

    If nothing was wrong, the images are shown that the model was least sure of.

    Args:
        images: (N, C, H, W) uint8, C = 1 or 3.
        labels: (N,), the true classes.
        predictions: (N,), the classes the model chose.
        probabilities: (N, K), how sure it was.
        classes: K names; numbers are used if there are none.
        most: how many images to show at most.
    """
    confidence = probabilities[np.arange(len(labels)), predictions]  # (N,)
    wrong = np.flatnonzero(predictions != labels)
    if len(wrong):
        shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
        title = f"{len(wrong):,} of {len(labels):,} images misclassified"
        if len(wrong) > most:
            title += f"; the {most} most confident mistakes"
    else:
        shown = np.argsort(confidence, kind="stable")[: min(most, 10)]
        title = f"All {len(labels):,} images right; these were the least certain"

    columns = min(5, max(len(shown), 4))
    rows = -(-len(shown) // columns)
    fig = figure(width=1.8 * columns, height=2.4 * rows + 0.4)
    fig.suptitle(title, fontsize=TITLE, color=INK, x=0.01, ha="left")
    axes = list(fig.subplots(rows, columns, squeeze=False).flat)
    for ax, index in zip(axes, shown, strict=False):
        truth, answer = name(classes, labels[index]), name(classes, predictions[index])
        sure = f"{confidence[index]:.0%}".replace("%", " %")
        right = labels[index] == predictions[index]
        show_image(
            ax,
            images[index],
            f"is {truth}\nsaid {answer}\n{sure} sure",
            colour=INK if right else ORANGE,
        )
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    return fig
