"""The head of a classifier, its last layer: find it, and put one for other classes in its place.

"You always must replace the last FC layer such that it has N = number of classes in your dataset"
(Aarhus, Deep Learning for Visual Recognition, lecture 7, "Scenario 1 and 2 explained").
"""

from dataclasses import dataclass

from minidl.models.capsnet import CapsNet
from minidl.models.conv_autoencoder import ConvAutoencoder
from minidl.models.siamese import Siamese
from minidl.models.unet import UNet
from minidl.nn import Conv2d, Linear, Module
from minidl.train.transfer.layers import BATCH_NORMS, Named, auxiliary_heads, learning_layers, trunk


class HeadError(ValueError):
    """A model does not end in a head that could be replaced."""


WITHOUT_HEAD: dict[type[Module], str] = {
    CapsNet: "its classes are capsules, and behind them stands a decoder. Build one with the new "
    "num_classes and load what fits with load_from_the_bottom",
    ConvAutoencoder: "it redraws its input and knows no classes. model.encode(x) are its features",
    Siamese: "it compares two images and knows no classes. model.embed(x) are its features, and "
    "new classes need no training: model.compare",
    UNet: "it classifies pixels, not images. Build one with the new num_classes and load the rest "
    "with load_from_the_bottom",
}
"""Architectures that end in something else, and what to do instead."""


@dataclass(frozen=True)
class Head:
    """Where a classifier ends.

    Attributes:
        name: the dotted name of the last layer that mixes features: "fc", "classifier.6".
        layer: that layer, a Linear or a 1 × 1 convolution with one output for each class.
        norms: batch norms of the classes behind it (Network in Network may have one).
    """

    name: str
    layer: Linear | Conv2d
    norms: tuple[Named, ...] = ()

    @property
    def features(self) -> int:
        """D, how many features the layer takes."""
        layer = self.layer
        return layer.in_features if isinstance(layer, Linear) else layer.in_channels


def find_head(model: Module) -> Head:
    """Find the last Linear, or 1 × 1 convolution, of a classifier.

    Raises:
        HeadError: the model does not end in one; the message says in what, and what to do.
    """
    for kind, reason in WITHOUT_HEAD.items():
        if isinstance(model, kind):
            raise HeadError(f"{kind.__name__} has no head to replace: {reason}")
    return _last(type(model).__name__, trunk(model))


def replace_head(model: Module, num_classes: int, layers: int = 1) -> str:
    """Replace the head by a new one of the same kind, with an output for each of `num_classes`.

        model = models.create("vgg16")
        model.load_state_dict(minidl.load("vgg16.pth"))
        replace_head(model, 5)                  # "classifier.6": Linear(4096, 1000) → (4096, 5)

    The new layer takes the same features, has a bias if the old one had, and learns even if the
    model is frozen. Auxiliary heads get new last layers too.

    Where the decks stop (Aarhus, Deep Learning for Visual Recognition, lecture 7, "Scenario 1 and 2
    explained" and the table of the last "Transfer learning and fine-tuning"):

    - *Scenario 1*, little data, much like that of the pretraining: replace the head, train only it.
    - *Scenario 2*, more data: replace more fully connected layers (`layers=2`), train those first,
      and then, with a lower rate, some or all of the others (`freeze_to`, `Learner`).
    - *Scenario 3*, no training of the network at all: take it without its head as a fixed
      extractor of features (`features`), for another classifier such as `nearest_neighbours`.
    - Very different data: replace more layers, and fine-tune more of the others; features of early
      layers (edges, colours) carry over, those of late ones (parts of objects) do not.

    Args:
        model: a classifier; changed in place.
        num_classes: K, outputs of the new head.
        layers: how many linear layers at the end get fresh weights; those before the head keep
            their sizes.

    Returns:
        The dotted name of the head.

    Raises:
        HeadError: the model has no such head, or fewer than `layers` linear layers at its end.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, not {num_classes}")
    head = find_head(model)
    before = _linear_before(model, head, layers)
    heads = [
        head,
        *(_last(name, learning_layers(aux, name)) for name, aux in auxiliary_heads(model)),
    ]
    for name, layer in before:
        _put(model, name, _renewed(layer, layer.out_features))
    for each in heads:
        _put(model, each.name, _renewed(each.layer, num_classes))
        for name, norm in each.norms:
            _put(model, name, _renewed_norm(norm, num_classes))
    return head.name


def _last(model: str, layers: list[Named]) -> Head:
    """The head among the layers of `model` in their order: the last, or followed by norms alone."""
    norms: list[Named] = []
    for name, layer in reversed(layers):
        if isinstance(layer, Linear) or (isinstance(layer, Conv2d) and _mixes_channels(layer)):
            return Head(name, layer, tuple(reversed(norms)))
        if not isinstance(layer, BATCH_NORMS):
            raise HeadError(
                f"{model} has no head to replace: its last layer with weights is {name or model}, "
                f"{layer!r}; a Linear or a Conv2d with 1 × 1 filters is expected. Replace it by "
                "hand: an attribute of the model can simply be assigned a new layer"
            )
        norms.append((name, layer))
    raise HeadError(f"{model} has no head to replace: it has no linear layer and no convolution")


def _mixes_channels(layer: Conv2d) -> bool:
    return layer.kernel_size == (1, 1) and layer.groups == 1


def _linear_before(model: Module, head: Head, layers: int) -> list[tuple[str, Linear]]:
    """The `layers` − 1 linear layers that stand right before the head."""
    if layers < 1:
        raise ValueError(f"layers counts the head, so it is at least 1, not {layers}")
    ahead = [(name, layer) for name, layer in trunk(model) if layer is not head.layer]
    found: list[tuple[str, Linear]] = []
    for name, layer in reversed(ahead[: len(ahead) - len(head.norms)]):
        if len(found) == layers - 1 or not isinstance(layer, Linear):
            break
        found.append((name, layer))
    if len(found) < layers - 1:
        raise HeadError(
            f"{type(model).__name__} ends in {len(found) + 1} linear layer(s), so layers={layers} "
            "cannot be replaced"
        )
    return found


def _renewed(layer: Linear | Conv2d, outputs: int) -> Module:
    """A layer like `layer` with fresh weights and so many outputs."""
    biased = layer.bias is not None
    new = (
        Linear(layer.in_features, outputs, biased)
        if isinstance(layer, Linear)
        else Conv2d(layer.in_channels, outputs, 1, layer.stride, layer.padding, bias=biased)
    )
    new.training = layer.training
    return new.astype(layer.weight.dtype)


def _renewed_norm(norm: Module, channels: int) -> Module:
    """A batch norm like `norm`, fresh, of so many channels."""
    assert isinstance(norm, BATCH_NORMS)
    tracks = norm.running_mean is not None
    new = type(norm)(channels, norm.eps, norm.momentum, norm.weight is not None, tracks)
    new.training = norm.training
    return new


def _put(model: Module, name: str, layer: Module) -> None:
    """Put a layer where the dotted name says."""
    *path, attribute = name.split(".")
    for part in path:
        model = getattr(model, part)
    setattr(model, attribute, layer)
