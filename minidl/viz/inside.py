"""Looking inside a model without changing it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from minidl.nn import Module
from minidl.tensor import Tensor

Array = np.ndarray


@contextmanager
def at_rest(model: Module, gradients: bool = False) -> Iterator[None]:
    """Inside the block `model` is in evaluation mode, and its parameters want no gradient or all.

    Without `gradients` a backward pass leaves nothing in it. Behind the block all is as before.
    """
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval()
    for parameter, _ in wanted:
        parameter.requires_grad = gradients
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, want in wanted:
            parameter.requires_grad = want


def as_batch(model: Module, images: Any) -> Array:
    """Images (N, C, H, W), or one (C, H, W), as a batch in the dtype of the model's parameters.

    Raises:
        ValueError: the array has another number of axes.
    """
    array = np.asarray(images)
    if array.ndim not in (3, 4):
        raise ValueError(
            f"an image (C, H, W) or a batch (N, C, H, W) is expected, not shape {array.shape}"
            + ("; for a grey image add the channel: image[None]" if array.ndim == 2 else "")
        )
    first = next(model.parameters(), None)
    batch = array if array.ndim == 4 else array[None]
    return batch.astype(np.float32 if first is None else first.dtype)


def one_image(model: Module, image: Any) -> Array:
    """An image (C, H, W) as a batch (1, C, H, W).

    Raises:
        ValueError: it is not one image.
    """
    batch = as_batch(model, image)
    if len(batch) != 1:
        raise ValueError(f"one image (C, H, W) is expected, not a batch of {len(batch)}: images[0]")
    return batch


def outputs(model: Module, x: Any) -> dict[str, Tensor]:
    """Run the model on x; what its layers returned, by name, in the order they were done.

    Of a layer that runs several times the last result counts. "" is the model itself.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, _module: Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.pop(name, None)  # it moves to the end
            found[name] = output

    with ExitStack() as stack:
        for name, layer in model.named_modules():
            stack.callback(layer.register_forward_hook(partial(keep, name)).remove)
        model(x)
    return found


def maps(found: dict[str, Tensor], layer: str | None) -> tuple[Tensor, str]:
    """The maps (N, C, H, W) that a layer returned, and its name.

    Args:
        found: what `outputs` found.
        layer: the layer's name; None for the last one whose maps have more than one pixel.

    Raises:
        ValueError: there is no such layer, or it returned no maps; the message lists those that
            did.
    """
    good = {name: output for name, output in found.items() if output.ndim == 4}
    large = [name for name, output in good.items() if name and max(output.shape[2:]) > 1]
    if layer is None and large:
        layer = large[-1]
    if layer not in good:
        if layer is None:
            what = "no layer returned maps of more than one pixel"
        elif layer in found:
            what = f"layer {layer!r} returned shape {found[layer].shape}, not maps (N, C, H, W)"
        else:
            what = f"no layer {layer!r} has run and returned a tensor"
        named = ", ".join(filter(None, good))
        raise ValueError(f"{what}; layers with maps: {named or 'none'}")
    return good[layer], layer


def class_score(logits: Tensor, label: int | None) -> tuple[Tensor, int]:
    """The score of class `label` for the first image, of the best one if None; and which it was.

    Raises:
        ValueError: the model returns something else than logits, or has no such class.
    """
    if logits.ndim != 2:
        raise ValueError(
            f"a classifier's logits (N, K) are expected, but the model returns {logits.shape}"
        )
    K = logits.shape[1]
    chosen = int(logits.data[0].argmax()) if label is None else int(label)
    if not 0 <= chosen < K:
        raise ValueError(f"the label {chosen} is not one of the model's {K} classes, 0 … {K - 1}")
    return logits[0, chosen], chosen
