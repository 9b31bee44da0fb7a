"""Networks small enough to be drawn in no time."""

import numpy as np

from minidl import functional as F
from minidl.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from minidl.tensor import Tensor


def plain(channels: int = 1) -> Sequential:
    """Convolution, ReLU, pooling, twice, and a classifier of 3 classes; for 8 × 8 pixels."""
    return Sequential(
        {
            "conv1": Conv2d(channels, 4, 3, padding=1),
            "relu1": ReLU(),
            "pool1": MaxPool2d(2),
            "conv2": Conv2d(4, 5, 3, padding=1),
            "relu2": ReLU(),
            "pool2": AdaptiveAvgPool2d(1),
            "flat": Flatten(),
            "fc": Linear(5, 3),
        }
    )


def normed() -> Sequential:
    """With batch norm and dropout, which training changes and makes random."""
    return Sequential(
        {
            "conv": Conv2d(1, 4, 3, padding=1),
            "bn": BatchNorm2d(4),
            "relu": ReLU(),
            "drop": Dropout(0.5),
            "pool": AdaptiveAvgPool2d(1),
            "flat": Flatten(),
            "fc": Linear(4, 3),
        }
    )


class Residual(Module):
    """y = ReLU(x + conv2(ReLU(conv1(x))))."""

    def __init__(self, channels: int = 2) -> None:
        self.conv1 = Conv2d(channels, channels, 3, padding=1)
        self.conv2 = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


def images(N: int = 6, C: int = 1, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, C, size, size)).astype(np.float32)
