"""Put a model to the test: its loss, its answers and its confidence on images it does not learn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minidl import functional as F
from minidl.autograd import no_grad
from minidl.nn import Module
from minidl.tensor import Tensor
from minidl.train.metrics import Mean, accuracy
from minidl.train.state import Batches

Loss = Callable[[Tensor, np.ndarray], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """What a model said about N images.

    Attributes:
        loss: mean over the images.
        labels: (N,), the right classes.
        logits: (N, K), the model's scores.
    """

    loss: float
    labels: np.ndarray
    logits: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of images given the right class, between 0 and 1."""
        return accuracy(self.logits, self.labels)

    @property
    def predictions(self) -> np.ndarray:
        """(N,), the class with the highest score."""
        return self.logits.argmax(axis=1)

    @property
    def probabilities(self) -> np.ndarray:
        """(N, K), p[n, k] = exp(logits[n, k]) / Σ_j exp(logits[n, j])."""
        exp = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return exp / exp.sum(axis=1, keepdims=True)


def evaluate(
    model: Module,
    batches: Batches,
    loss: Loss = F.cross_entropy,
    after_batch: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Run a model in evaluation mode over all batches, without gradients.

    Args:
        model: images (N, C, H, W) → logits (N, K). Its mode is put back at the end.
        batches: yield (images, labels).
        loss: (logits, labels) → mean loss of the batch.
        after_batch: called after each batch; it may raise to stop.
    """
    mean = Mean()
    labels: list[np.ndarray] = []
    logits: list[np.ndarray] = []
    mode = model.training
    model.eval()
    try:
        with no_grad():
            for batch_images, batch_labels in batches:
                output = model(batch_images)  # (N, K)
                mean.add(loss(output, batch_labels).item(), len(batch_labels))
                labels.append(batch_labels)
                logits.append(output.data)
                after_batch()
    finally:
        model.train(mode)
    if not labels:
        raise ValueError("there are no images to evaluate: the batches are empty")
    return Evaluation(mean.value, np.concatenate(labels), np.concatenate(logits))
