"""The networks that are timed, and the images they see."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minidl

SGD: dict[str, Any] = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}


@dataclass(frozen=True)
class Network:
    """One row of the tables.

    Attributes:
        name: of the row.
        batch: the images in a training step.
        options: arguments for `minidl.models.create`.
        input_shape: one image, (C, H, W).
        model: an architecture of `minidl.models`; "": that of the name.
    """

    name: str
    batch: int = 64
    options: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, int, int] = (3, 32, 32)
    model: str = ""

    @property
    def architecture(self) -> str:
        """The name of the architecture."""
        return self.model or self.name

    def batch_of(self, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Random images (N, C, H, W) and labels (N,), the same for every library."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((images, *self.input_shape), np.float32)
        return x, rng.integers(0, 10, images)

    def create(self) -> minidl.nn.Module:
        """The network with its first weights, the same at every call."""
        minidl.manual_seed(0)
        return minidl.models.create(self.architecture, **self.options)


NETWORKS = {
    network.name: network
    for network in (
        Network("lenet5", 128, input_shape=(1, 32, 32)),
        Network("resnet20", 128),
        Network("densenet_bc40"),
        Network("densenet40"),
        Network("mobilenet_v1", options={"num_classes": 10, "stem_stride": 1}),
        Network(
            "mobilenet_half",  # of the recipe cifar10-mobilenet
            128,
            {"num_classes": 10, "stem_stride": 1, "width": 0.5},
            model="mobilenet_v1",
        ),
    )
}
