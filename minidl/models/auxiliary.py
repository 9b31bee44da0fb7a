"""The loss of a network with auxiliary heads: classifiers on the way, for training only.

A head in the middle of a deep network sends its gradient straight to the layers below it. In
training mode `forward` returns a tuple, the logits and then those of each head; in evaluation mode,
or built with aux=False, it returns the logits alone.
"""

from functools import partial

import minidl.functional as F
from minidl.tensor import ArrayLike, Tensor


def auxiliary_loss(
    outputs: Tensor | tuple[Tensor, ...],
    labels: ArrayLike,
    weight: float = 0.3,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy(logits) + weight · Σ cross_entropy(each auxiliary head).

    Args:
        outputs: what the model returned: logits (N, K), or a tuple of those and the heads'.
        labels: (N,) integers.
        weight: how much a head counts; 0.3 in GoogLeNet, 0.4 in TensorFlow's Inception v3.
        label_smoothing: the share of each label that is spread evenly over all classes.

    Returns:
        A scalar.

    Source: Szegedy et al., Going Deeper with Convolutions, 2015, section 5.
    """
    logits, *heads = outputs if isinstance(outputs, tuple) else (outputs,)
    cross_entropy = partial(F.cross_entropy, labels=labels, label_smoothing=label_smoothing)
    loss = cross_entropy(logits)
    for head in heads:
        loss = loss + weight * cross_entropy(head)
    return loss
