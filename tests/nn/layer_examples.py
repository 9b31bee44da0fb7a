"""Every layer of `minidl.nn` as data: examples of it, and the arguments its constructor takes.

tests/nn/test_layers.py holds each layer to them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidl import nn

LABELS = np.array([2, 0, 1])
SHARES = np.arange(15).reshape(3, 5) % 7 / 7  # between 0 and 1, in float64


@dataclass(frozen=True)
class Example:
    """A layer, the shape of its input, and what is special about it.

    Attributes:
        make: builds the layer.
        shape: of the input, normal numbers.
        more: further arguments of the call, such as labels.
        text: what repr must show beside the class name.
        modes: whether training and evaluation give different outputs.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    text: str
    more: tuple[Any, ...] = field(default=())
    modes: bool = False


IMAGES, ROWS = (3, 4, 7, 6), (3, 5)
TRACKED = "affine=True, track_running_stats=True"

EXAMPLES: dict[str, list[Example]] = {
    "AdaptiveAvgPool2d": [
        Example(lambda: nn.AdaptiveAvgPool2d(1), IMAGES, "output_size=1"),
        Example(lambda: nn.AdaptiveAvgPool2d((3, 2)), IMAGES, "output_size=(3, 2)"),
    ],
    "AdaptiveMaxPool2d": [
        Example(lambda: nn.AdaptiveMaxPool2d(1), IMAGES, "output_size=1"),
        Example(lambda: nn.AdaptiveMaxPool2d((3, 2)), IMAGES, "output_size=(3, 2)"),
    ],
    "AvgPool2d": [
        Example(
            lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
            IMAGES,
            "kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False",
        )
    ],
    "BCEWithLogitsLoss": [
        Example(nn.BCEWithLogitsLoss, ROWS, "reduction='mean'", (SHARES,)),
        Example(
            lambda: nn.BCEWithLogitsLoss(np.arange(1.0, 6.0), "none", np.arange(2.0, 7.0)),
            ROWS,
            "weight=<5 numbers>, pos_weight=<5 numbers>, reduction='none'",
            (SHARES,),
        ),
    ],
    "BatchNorm1d": [
        Example(
            lambda: nn.BatchNorm1d(5),
            ROWS,
            f"5, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNorm1d(4, eps=0.1, momentum=None),
            (3, 4, 7),
            f"4, eps=0.1, momentum=None, {TRACKED}",
            modes=True,
        ),
    ],
    "BatchNorm2d": [
        Example(
            lambda: nn.BatchNorm2d(4),
            IMAGES,
            f"4, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False),
            IMAGES,
            "4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False",
        ),
    ],
    "BatchNormReLU2d": [
        Example(
            lambda: nn.BatchNormReLU2d(4),
            IMAGES,
            f"4, eps=1e-05, momentum=0.1, {TRACKED}",
            modes=True,
        ),
        Example(
            lambda: nn.BatchNormReLU2d(4, eps=0.1, affine=False, track_running_stats=False),
            IMAGES,
            "4, eps=0.1, momentum=0.1, affine=False, track_running_stats=False",
        ),
    ],
    "ChannelShuffle": [Example(lambda: nn.ChannelShuffle(2), IMAGES, "groups=2")],
    "ClassToken": [Example(lambda: nn.ClassToken(4), (3, 5, 4), "4")],
    "ContrastiveLoss": [
        Example(
            lambda: nn.ContrastiveLoss(3.0),
            ROWS,
            "margin=3.0, reduction='mean'",
            (SHARES, np.array([1, 0, 0])),
        )
    ],
    "Conv2d": [
        Example(lambda: nn.Conv2d(4, 6, 3), IMAGES, "4, 6, kernel_size=(3, 3)"),
        Example(
            lambda: nn.Conv2d(4, 6, (3, 2), (1, 2), (2, 1), 2, 2, False),
            IMAGES,
            "4, 6, kernel_size=(3, 2), stride=(1, 2), padding=(2, 1), dilation=2, groups=2, "
            "bias=False",
        ),
        Example(
            lambda: nn.Conv2d(4, 8, 3, padding="same", groups=4),
            IMAGES,
            "4, 8, kernel_size=(3, 3), padding='same', groups=4",
        ),
    ],
    "ConvTranspose2d": [
        Example(lambda: nn.ConvTranspose2d(4, 6, 3), IMAGES, "4, 6, kernel_size=(3, 3)"),
        Example(
            lambda: nn.ConvTranspose2d(4, 6, (3, 2), (3, 2), (2, 1), (2, 1), 2, False, (1, 2)),
            IMAGES,
            "4, 6, kernel_size=(3, 2), stride=(3, 2), padding=(2, 1), output_padding=(2, 1), "
            "groups=2, dilation=(1, 2), bias=False",
        ),
    ],
    "CrossEntropyLoss": [
        Example(
            lambda: nn.CrossEntropyLoss(np.arange(1.0, 6.0), label_smoothing=0.1),
            ROWS,
            "weight=<5 numbers>, ignore_index=-100, reduction='mean', label_smoothing=0.1",
            (LABELS,),
        ),
        Example(
            lambda: nn.CrossEntropyLoss(ignore_index=1, reduction="none"),
            (3, 5, 2),
            "ignore_index=1, reduction='none'",
            (np.array([[2, 0], [4, 3], [0, 2]]),),
        ),
    ],
    "DepthwiseSeparableConv2d": [
        Example(
            lambda: nn.DepthwiseSeparableConv2d(4, 6, (3, 2), 2, (1, 0)),
            IMAGES,
            "(depthwise): Conv2d(4, 4, kernel_size=(3, 2), stride=2, padding=(1, 0), groups=4)",
        ),
        Example(
            lambda: nn.DepthwiseSeparableConv2d(4, 6, 3, padding="same", bias=False),
            IMAGES,
            "(pointwise): Conv2d(4, 6, kernel_size=(1, 1), bias=False)",
        ),
    ],
    "DiceLoss": [],  # it wants probabilities; tests/ops/test_golden_loss.py has its tests
    # so few samples that with a larger p all of them might be dropped
    "DropPath": [Example(lambda: nn.DropPath(0.01), IMAGES, "p=0.01", modes=True)],
    "Dropout": [Example(lambda: nn.Dropout(0.2), ROWS, "p=0.2", modes=True)],
    "Dropout2d": [Example(lambda: nn.Dropout2d(0.2), IMAGES, "p=0.2", modes=True)],
    "ELU": [Example(lambda: nn.ELU(2.0), ROWS, "alpha=2.0")],
    "Flatten": [
        Example(nn.Flatten, IMAGES, "start_axis=1"),
        Example(lambda: nn.Flatten(2), IMAGES, "start_axis=2"),
    ],
    "Fold": [
        Example(
            lambda: nn.Fold((5, 4), 2),
            (3, 8, 12),
            "output_size=(5, 4), kernel_size=2, dilation=1, padding=0, stride=1",
        ),
        Example(
            lambda: nn.Fold((7, 6), (2, 3), (3, 1), (2, 1), (2, 3)),
            (3, 12, 8),
            "output_size=(7, 6), kernel_size=(2, 3), dilation=(3, 1), padding=(2, 1), "
            "stride=(2, 3)",
        ),
    ],
    "GELU": [
        Example(nn.GELU, ROWS, "approximate='none'"),
        Example(lambda: nn.GELU("tanh"), ROWS, "approximate='tanh'"),
    ],
    "GroupNorm": [
        Example(lambda: nn.GroupNorm(2, 4), IMAGES, "2, 4, eps=1e-05, affine=True"),
        Example(lambda: nn.GroupNorm(1, 4, 0.1, False), IMAGES, "1, 4, eps=0.1, affine=False"),
    ],
    "Hardsigmoid": [Example(nn.Hardsigmoid, ROWS, "")],
    "Hardswish": [Example(nn.Hardswish, ROWS, "")],
    "Identity": [Example(nn.Identity, ROWS, "")],
    "InstanceNorm2d": [
        Example(
            lambda: nn.InstanceNorm2d(4),
            IMAGES,
            "4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False",
        ),
        Example(
            lambda: nn.InstanceNorm2d(4, 0.1, 0.2, affine=True, track_running_stats=True),
            IMAGES,
            f"4, eps=0.1, momentum=0.2, {TRACKED}",
            modes=True,
        ),
    ],
    "L1Loss": [Example(lambda: nn.L1Loss("sum"), ROWS, "reduction='sum'", (SHARES,))],
    "LayerNorm": [
        Example(
            lambda: nn.LayerNorm(5), ROWS, "(5,), eps=1e-05, elementwise_affine=True, bias=True"
        ),
        Example(
            lambda: nn.LayerNorm((7, 6), 0.1, bias=False),
            IMAGES,
            "(7, 6), eps=0.1, elementwise_affine=True, bias=False",
        ),
        Example(
            lambda: nn.LayerNorm([4, 7, 6], elementwise_affine=False),
            IMAGES,
            "(4, 7, 6), eps=1e-05, elementwise_affine=False, bias=False",
        ),
    ],
    "LeakyReLU": [Example(lambda: nn.LeakyReLU(0.2), ROWS, "negative_slope=0.2")],
    "Linear": [
        Example(lambda: nn.Linear(5, 2), ROWS, "5, 2, bias=True"),
        Example(lambda: nn.Linear(5, 2, bias=False), (2, 3, 5), "5, 2, bias=False"),
    ],
    "LocalResponseNorm": [
        Example(
            lambda: nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=2),
            IMAGES,
            "3, alpha=0.5, beta=0.6, k=2",
        )
    ],
    "LogSoftmax": [Example(lambda: nn.LogSoftmax(axis=1), IMAGES, "axis=1")],
    "MSELoss": [Example(nn.MSELoss, ROWS, "reduction='mean'", (SHARES,))],
    "MarginLoss": [
        Example(
            lambda: nn.MarginLoss(0.8, 0.2, 0.4, "sum"),
            ROWS,
            "m_plus=0.8, m_minus=0.2, lambda_=0.4, reduction='sum'",
            (LABELS,),
        )
    ],
    "MaxPool2d": [
        Example(
            lambda: nn.MaxPool2d((2, 3), 1, (1, 0), 2, True),
            IMAGES,
            "kernel_size=(2, 3), stride=1, padding=(1, 0), dilation=2, ceil_mode=True",
        )
    ],
    "Maxout": [
        Example(lambda: nn.Maxout(2), IMAGES, "pool_size=2, axis=1"),
        Example(lambda: nn.Maxout(5, axis=-1), ROWS, "pool_size=5, axis=-1"),
    ],
    "ModuleList": [],  # it has no forward; tests/nn/test_module.py has its tests
    "MultiMarginLoss": [
        Example(
            lambda: nn.MultiMarginLoss(2, 0.5, np.arange(1.0, 6.0)),
            ROWS,
            "p=2, margin=0.5, weight=<5 numbers>, reduction='mean'",
            (LABELS,),
        )
    ],
    "MultiheadAttention": [],  # it returns a pair; tests/nn/test_attention.py has its tests
    "NLLLoss": [
        Example(
            lambda: nn.NLLLoss(np.arange(1.0, 6.0), reduction="sum"),
            ROWS,
            "weight=<5 numbers>, ignore_index=-100, reduction='sum'",
            (LABELS,),
        )
    ],
    "PReLU": [
        Example(nn.PReLU, ROWS, "num_parameters=1"),
        Example(lambda: nn.PReLU(4, init=0.1), IMAGES, "num_parameters=4"),
    ],
    "PositionEmbedding": [Example(lambda: nn.PositionEmbedding(5, 4), (3, 5, 4), "5, 4")],
    "ReLU": [Example(nn.ReLU, ROWS, "")],
    "ReLU6": [Example(nn.ReLU6, ROWS, "")],
    "Sequential": [
        Example(
            lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)),
            ROWS,
            "(0): Linear(5, 4, bias=True)",
        )
    ],
    "SiLU": [Example(nn.SiLU, ROWS, "")],
    "Sigmoid": [Example(nn.Sigmoid, ROWS, "")],
    "SmoothL1Loss": [
        Example(lambda: nn.SmoothL1Loss("none", 0.5), ROWS, "reduction='none', beta=0.5", (SHARES,))
    ],
    "Softmax": [Example(nn.Softmax, ROWS, "axis=-1")],
    "Softplus": [Example(lambda: nn.Softplus(2.0, 1.5), ROWS, "beta=2.0, threshold=1.5")],
    "Tanh": [Example(nn.Tanh, ROWS, "")],
    "TripletMarginLoss": [
        Example(
            lambda: nn.TripletMarginLoss(9.0, 1.0, 1e-3, True, "none"),
            ROWS,
            "margin=9.0, p=1.0, eps=0.001, swap=True, reduction='none'",
            (SHARES, SHARES[::-1]),
        )
    ],
    "Unfold": [
        Example(
            lambda: nn.Unfold((2, 3), (3, 1), (2, 1), (2, 3)),
            IMAGES,
            "kernel_size=(2, 3), dilation=(3, 1), padding=(2, 1), stride=(2, 3)",
        ),
    ],
    "Upsample": [
        Example(
            lambda: nn.Upsample(scale_factor=2), IMAGES, "Upsample(scale_factor=2, mode='nearest')"
        ),
        Example(
            lambda: nn.Upsample((5, 9), mode="bilinear", align_corners=True),
            IMAGES,
            "size=(5, 9), mode='bilinear', align_corners=True",
        ),
    ],
}
"""At least one example of each layer, but of three with tests of their own."""

REQUIRED = inspect.Parameter.empty

SIGNATURES: dict[str, dict[str, Any]] = {
    "AdaptiveAvgPool2d": {"output_size": REQUIRED},
    "AdaptiveMaxPool2d": {"output_size": REQUIRED},  # torch: and return_indices
    "AvgPool2d": {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "ceil_mode": False,
        "count_include_pad": True,
    },
    "BCEWithLogitsLoss": {"weight": None, "reduction": "mean", "pos_weight": None},
    "BatchNorm1d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "BatchNorm2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "BatchNormReLU2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "track_running_stats": True,
    },
    "ChannelShuffle": {"groups": REQUIRED},
    "ClassToken": {"embed_dim": REQUIRED},
    "ContrastiveLoss": {"margin": 1.0, "reduction": "mean"},  # torch has none
    "Conv2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
    },
    # another order than Conv2d's, as in torch.nn
    "ConvTranspose2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "output_padding": 0,
        "groups": 1,
        "bias": True,
        "dilation": 1,
    },
    # torch.nn has the deprecated size_average and reduce between; here they do not exist
    "CrossEntropyLoss": {
        "weight": None,
        "ignore_index": -100,
        "reduction": "mean",
        "label_smoothing": 0.0,
    },
    "DepthwiseSeparableConv2d": {
        "in_channels": REQUIRED,
        "out_channels": REQUIRED,
        "kernel_size": REQUIRED,
        "stride": 1,
        "padding": 0,
        "bias": True,
    },
    "DiceLoss": {"smooth": 1.0, "ignore_index": -100, "reduction": "mean"},  # torch has none
    "DropPath": {"p": REQUIRED},
    "Dropout": {"p": 0.5},
    "Dropout2d": {"p": 0.5},
    "ELU": {"alpha": 1.0},  # torch: and inplace, as in the others
    "Flatten": {"start_axis": 1},  # torch: start_dim
    "Fold": {
        "output_size": REQUIRED,
        "kernel_size": REQUIRED,
        "dilation": 1,
        "padding": 0,
        "stride": 1,
    },
    "GELU": {"approximate": "none"},
    "GroupNorm": {"num_groups": REQUIRED, "num_channels": REQUIRED, "eps": 1e-5, "affine": True},
    "Hardsigmoid": {},
    "Hardswish": {},
    "Identity": {},
    "InstanceNorm2d": {
        "num_features": REQUIRED,
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": False,
        "track_running_stats": False,
    },
    "L1Loss": {"reduction": "mean"},
    "LayerNorm": {
        "normalized_shape": REQUIRED,
        "eps": 1e-5,
        "elementwise_affine": True,
        "bias": True,
    },
    "LeakyReLU": {"negative_slope": 0.01},
    "Linear": {"in_features": REQUIRED, "out_features": REQUIRED, "bias": True},
    "LocalResponseNorm": {"size": REQUIRED, "alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "LogSoftmax": {"axis": -1},  # torch: dim=None, which guesses and warns
    "MSELoss": {"reduction": "mean"},
    # torch has none
    "MarginLoss": {"m_plus": 0.9, "m_minus": 0.1, "lambda_": 0.5, "reduction": "mean"},
    # torch.nn has return_indices between dilation and ceil_mode
    "MaxPool2d": {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "dilation": 1,
        "ceil_mode": False,
    },
    "Maxout": {"pool_size": REQUIRED, "axis": 1},  # torch has none
    "ModuleList": {"layers": ()},
    "MultiMarginLoss": {"p": 1, "margin": 1.0, "weight": None, "reduction": "mean"},
    # torch.nn has add_bias_kv, add_zero_attn, kdim and vdim between bias and batch_first
    "MultiheadAttention": {
        "embed_dim": REQUIRED,
        "num_heads": REQUIRED,
        "dropout": 0.0,
        "bias": True,
        "batch_first": False,
    },
    "NLLLoss": {"weight": None, "ignore_index": -100, "reduction": "mean"},
    "PReLU": {"num_parameters": 1, "init": 0.25},
    "PositionEmbedding": {"length": REQUIRED, "embed_dim": REQUIRED},
    "ReLU": {},
    "ReLU6": {},
    "Sequential": {"layers": REQUIRED},
    "SiLU": {},
    "Sigmoid": {},
    "SmoothL1Loss": {"reduction": "mean", "beta": 1.0},
    "Softmax": {"axis": -1},
    "Softplus": {"beta": 1.0, "threshold": 20.0},
    "Tanh": {},
    "TripletMarginLoss": {
        "margin": 1.0,
        "p": 2.0,
        "eps": 1e-6,
        "swap": False,
        "reduction": "mean",
    },
    "Unfold": {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1},
    "Upsample": {"size": None, "scale_factor": None, "mode": "nearest", "align_corners": None},
}
"""Argument names in their order, with their defaults: torch.nn's, where no comment says else."""
