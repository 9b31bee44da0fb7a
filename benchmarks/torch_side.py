"""What is timed of PyTorch: a training step and inference, eager, in both its memory layouts."""

from collections.abc import Callable

import numpy as np
import torch
import twin
from networks import SGD, Network
from torch.nn.functional import cross_entropy

import minidl

LAYOUTS = {"PyTorch": torch.contiguous_format, "channels_last": torch.channels_last}

torch.set_num_threads(minidl.num_threads())  # both compute with the same number of threads


def _model(network: Network, layout: torch.memory_format) -> torch.nn.Module:
    """The network on PyTorch, with the weights of minidl's."""
    model = twin.create(network.architecture, **network.options)
    twin.copy_weights(network.create(), model)
    return model.to(memory_format=layout)


def training(network: Network, images: int) -> dict[str, Callable[[], float]]:
    """A call takes one training step and returns its loss; by the name of the side."""

    def side(layout: torch.memory_format) -> Callable[[], float]:
        model = _model(network, layout)
        optimizer = torch.optim.SGD(model.parameters(), **SGD)
        x, y = (torch.from_numpy(a) for a in network.batch_of(images))
        x = x.to(memory_format=layout)

        def step() -> float:
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    return {name: side(layout) for name, layout in LAYOUTS.items()}


def inference(network: Network, images: int) -> dict[str, Callable[[], np.ndarray]]:
    """A call returns the logits (N, K) in evaluation mode; by the name of the side."""

    def side(layout: torch.memory_format) -> Callable[[], np.ndarray]:
        model = _model(network, layout).eval()
        x = torch.from_numpy(network.batch_of(images)[0]).to(memory_format=layout)

        def logits() -> np.ndarray:
            with torch.inference_mode():
                return model(x).numpy()

        return logits

    return {name: side(layout) for name, layout in LAYOUTS.items()}
