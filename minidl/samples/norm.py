"""Normalisation in training and in evaluation."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import minidl.functional as F
from minidl.ops.batch_norm import BatchNorm, BatchNormInference
from minidl.ops.norm import GroupNorm, InstanceNorm, LayerNorm
from minidl.ops.response_norm import LocalResponseNorm
from minidl.samples.sample import Sample, normal, positive
from minidl.tensor import Tensor


def samples() -> Iterator[Sample]:
    """The samples of this family."""
    batches: dict[str, tuple[int, ...]] = {
        "images": (3, 2, 4, 5),
        "vectors": (6, 3),
        "one image": (1, 3, 2, 4),
        "1 × 1 maps": (5, 2, 1, 1),
    }
    for label, sizes in batches.items():
        C = sizes[1]
        draws = (normal(*sizes), positive(C), normal(C))
        yield Sample(BatchNorm, label, _batch_norm, draws)
        yield Sample(BatchNorm, f"{label}, not affine", _batch_norm, draws[:1])
        yield Sample(BatchNormInference, label, _batch_norm_inference, draws)
        yield Sample(BatchNormInference, f"{label}, not affine", _batch_norm_inference, draws[:1])

    rows: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("rows", (4, 5), (5,)),
        ("tokens", (2, 3, 5), (5,)),
        ("whole images", (3, 2, 4, 5), (2, 4, 5)),
        ("maps", (2, 3, 5, 4), (5, 4)),
        ("one vector", (7,), (7,)),
    ]
    for label, sizes, normalized in rows:
        function = partial(F.layer_norm, normalized_shape=normalized)
        draws = (normal(*sizes), positive(*normalized), normal(*normalized))
        yield Sample(LayerNorm, label, partial(_affine, function), draws)
        yield Sample(LayerNorm, f"{label}, scale alone", partial(_affine, function), draws[:2])
        yield Sample(LayerNorm, f"{label}, not affine", function, draws[:1])
    large_eps = partial(F.layer_norm, normalized_shape=5, eps=0.5)
    yield Sample(LayerNorm, "large eps", large_eps, (normal(3, 5),))

    channels: list[tuple[str, tuple[int, ...], int]] = [
        ("three groups of two", (2, 6, 5, 4), 3),
        ("one group", (3, 4, 2, 5), 1),
        ("groups of one", (2, 3, 4, 5), 3),
        ("vectors", (4, 6), 2),
    ]
    for label, sizes, groups in channels:
        function = partial(F.group_norm, num_groups=groups, eps=1e-3)
        draws = (normal(*sizes), positive(sizes[1]), normal(sizes[1]))
        yield Sample(GroupNorm, label, partial(_affine, function), draws)
        yield Sample(GroupNorm, f"{label}, not affine", function, draws[:1])

    maps: dict[str, tuple[int, ...]] = {
        "images": (3, 2, 4, 5),
        "sequences": (2, 3, 7),
        "one image": (1, 3, 2, 4),
    }
    for label, sizes in maps.items():
        draws = (normal(*sizes), positive(sizes[1]), normal(sizes[1]))
        yield Sample(InstanceNorm, label, partial(_affine, F.instance_norm), draws)
        yield Sample(InstanceNorm, f"{label}, not affine", F.instance_norm, draws[:1])
        yield Sample(BatchNormInference, f"instance norm, {label}", _instance_norm_inference, draws)

    # The defaults of AlexNet change x by less than a check would notice; here s is far from 1.
    cases: dict[str, dict[str, Any]] = {
        "three": {"size": 3, "alpha": 1.5},
        "even size": {"size": 4, "alpha": 2.0, "beta": 0.6, "k": 1.5},
        "one": {"size": 1, "alpha": 0.7, "beta": 1.0},
        "more than there are": {"size": 15, "alpha": 3.0, "beta": 0.5, "k": 2.0},
    }
    for label, options in cases.items():
        function = partial(F.local_response_norm, **options)
        yield Sample(LocalResponseNorm, label, function, (normal(2, 6, 3, 4),))
    yield Sample(
        LocalResponseNorm,
        "sequences",
        partial(F.local_response_norm, size=5, alpha=2.5, beta=1.2, k=0.8),
        (normal(3, 7, 2),),
    )


def _affine(function: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return function(x, weight=weight, bias=bias)


def _batch_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, training=True)


def _batch_norm_inference(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    c = np.arange(x.shape[1])
    return F.batch_norm(x, 0.3 * c - 0.2, 0.5 + c, weight, bias)


def _instance_norm_inference(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    c = np.arange(x.shape[1])
    return F.instance_norm(x, 0.3 * c - 0.2, 0.5 + c, weight, bias, use_input_stats=False)
