"""The layers of a model in the order of the data: the trunk from input to head, and side heads.

A model keeps its layers in the order it assigned them, which in minidl is the order they run in.
Only auxiliary heads (GoogLeNet, Inception v3) stand where they branch off: they are told by name.
"""

from minidl.nn import BatchNorm1d, BatchNorm2d, BatchNormReLU2d, GroupNorm, LayerNorm, Module
from minidl.nn.parameter import Parameter

Named = tuple[str, Module]

AUXILIARY = "aux"  # how the attributes of auxiliary heads begin: aux1, aux2, AuxLogits
BATCH_NORMS = (BatchNorm1d, BatchNorm2d, BatchNormReLU2d)
NORMS = (*BATCH_NORMS, LayerNorm, GroupNorm)


def own_parameters(module: Module) -> list[Parameter]:
    """The parameters of a layer itself, without those of the layers inside."""
    return [value for value in vars(module).values() if isinstance(value, Parameter)]


def learning_layers(module: Module, name: str = "") -> list[Named]:
    """The layers inside `module` (called `name`) that have parameters of their own, in order."""
    return [(path, layer) for path, layer in module.named_modules(name) if own_parameters(layer)]


def is_auxiliary(name: str) -> bool:
    """Whether a dotted name is that of an auxiliary head or of something in it."""
    return name.lower().startswith(AUXILIARY)


def trunk(model: Module) -> list[Named]:
    """The layers with parameters from the input to the head, without auxiliary heads."""
    return [(name, layer) for name, layer in learning_layers(model) if not is_auxiliary(name)]


def auxiliary_heads(model: Module) -> list[Named]:
    """The auxiliary heads, each a whole small network."""
    return [(name, child) for name, child in model.named_children() if is_auxiliary(name)]
