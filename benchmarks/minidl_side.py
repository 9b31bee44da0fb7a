"""What is timed of minidl: a training step and inference; torch_side.py has PyTorch's."""

from collections.abc import Callable

import numpy as np
from networks import SGD, Network

import minidl
from minidl import functional as F


def training(network: Network, images: int) -> dict[str, Callable[[], float]]:
    """A call takes one training step and returns its loss; by the name of the side."""
    x, y = network.batch_of(images)
    model = network.create()
    optimizer = minidl.optim.SGD(model.parameters(), **SGD)

    def step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss)

    return {"minidl": step}


def inference(network: Network, images: int) -> dict[str, Callable[[], np.ndarray]]:
    """A call returns the logits (N, K) in evaluation mode; by the name of the side."""
    x, _ = network.batch_of(images)
    model = network.create().eval()

    def logits() -> np.ndarray:
        with minidl.no_grad():
            return model(x).data

    return {"minidl": logits}
