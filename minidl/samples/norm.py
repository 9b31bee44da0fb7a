"""Normalisation in training and in evaluation."""

from collections.abc import Iterator

import numpy as np

import minidl.functional as F
from minidl.ops.norm import BatchNorm, BatchNormInference
from minidl.samples.sample import Sample, normal, positive
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    for label, sizes in {
        "images": (3, 2, 4, 5),
        "vectors": (6, 3),
        "one image": (1, 3, 2, 4),
        "1 × 1 maps": (5, 2, 1, 1),
    }.items():
        C = sizes[1]
        draws = (normal(*sizes), positive(C), normal(C))
        yield Sample(BatchNorm, label, _batch_norm, draws)
        yield Sample(BatchNorm, f"{label}, not affine", _batch_norm, draws[:1])
        yield Sample(BatchNormInference, label, _batch_norm_inference, draws)
        yield Sample(BatchNormInference, f"{label}, not affine", _batch_norm_inference, draws[:1])


def _batch_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, training=True)


def _batch_norm_inference(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    c = np.arange(x.shape[1])
    return F.batch_norm(x, 0.3 * c - 0.2, 0.5 + c, weight, bias)
