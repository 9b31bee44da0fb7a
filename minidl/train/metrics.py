"""How good is it: the running mean of a loss, accuracy, the confusion matrix."""

import numpy as np


class Mean:
    """A running mean: total / weight, so batches of different sizes count by their images."""

    def __init__(self, total: float = 0.0, weight: int = 0) -> None:
        self.total = total
        self.weight = weight

    def add(self, mean: float, weight: int) -> None:
        """Add `weight` values whose mean is `mean`."""
        self.total += mean * weight
        self.weight += weight

    @property
    def value(self) -> float:
        """The mean of everything added; NaN before the first."""
        return self.total / self.weight if self.weight else float("nan")


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose largest logit is the right class, between 0 and 1.

    Args:
        logits: (N, K), a score for each class.
        labels: (N,), the right class, 0 ≤ label < K.
    """
    return float(np.mean(logits.argmax(axis=1) == labels)) if len(labels) else float("nan")


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Count what was taken for what: entry [i, j] is how many images of class i were called j.

    Args:
        labels: (N,), the right classes.
        predictions: (N,), the model's answers.
        num_classes: K.

    Returns:
        (K, K) counts; row sums are the images of each class, the diagonal is what was right.
    """
    pairs = labels * num_classes + predictions
    counts = np.bincount(pairs, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)
