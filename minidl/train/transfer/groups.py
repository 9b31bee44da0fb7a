"""Layer groups from input to head: what learns, what is frozen, and how fast each group learns.

"Features in the early layers of a ConvNet contain more generic features, whereas later layers
become progressively more specific to the details of the classes" (Aarhus, Deep Learning for Visual
Recognition, lecture 7, "Transfer learning and fine-tuning"). So late layers are the first to be
trained for new classes, and early ones move by smaller steps, if at all.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from minidl.nn import Module, ModuleList, Sequential
from minidl.nn.parameter import Parameter
from minidl.optim import decay_groups
from minidl.train.transfer.head import HeadError, find_head
from minidl.train.transfer.layers import (
    NORMS,
    Named,
    auxiliary_heads,
    is_auxiliary,
    learning_layers,
    own_parameters,
)

Rate = float | slice
"""One learning rate for all groups, or slice(lowest, highest): from the first group to the head."""

FEWEST = 4
"""Lists of layers are opened until there are so many groups: a stem, early, late, the head."""


@dataclass
class LayerGroup:
    """Layers that are frozen and learn together.

    Attributes:
        name: of the first of them.
        modules: the layers; norms stand with the layer before them.
        loose: parameters that are in no such layer, such as the class token of a transformer.
    """

    name: str
    modules: list[Module]
    loose: list[Parameter]

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters of the group."""
        return [*self.loose, *(p for module in self.modules for p in module.parameters())]

    def freeze(self) -> None:
        """Stop learning, see `Module.freeze`."""
        for module in self.modules:
            module.freeze()
        for parameter in self.loose:
            parameter.requires_grad = False


def layer_groups(model: Module) -> list[LayerGroup]:
    """Part a model into groups of layers, from the input to the head, which is the last group.

        [g.name for g in layer_groups(models.create("resnet50"))]
        # ['conv1', 'layer1', 'layer2', 'layer3', 'layer4', 'fc']
        [g.name for g in layer_groups(models.create("vgg11"))]
        # ['features.0', 'features.3', …, 'classifier.0', 'classifier.3', 'classifier.6']

    A group is an attribute of the model that has parameters. A norm joins the layer before it.
    Where that makes fewer than four groups, lists (Sequential, ModuleList) are opened. Auxiliary
    heads belong to the last group: they are as new as the head.

    The order is that in which the model assigned its layers. A model without a head, such as a
    U-Net, has groups too.

    Raises:
        ValueError: the model has no parameters.
    """
    parts = [part for part in _inside("", model) if not is_auxiliary(part[0])]
    while len(_groups(parts)) < FEWEST and any(_is_list(module) for _, module in parts):
        parts = [p for part in parts for p in (_inside(*part) if _is_list(part[1]) else [part])]
    parts, beside_head = _with_head_alone(model, parts)
    groups = _groups(parts)
    if not groups:
        raise ValueError(f"{type(model).__name__} has no layers that could learn")
    groups[0].loose += own_parameters(model)
    groups[-1].loose += beside_head
    groups[-1].modules += [module for _, module in auxiliary_heads(model)]
    return groups


def freeze_to(model: Module, n: int) -> list[LayerGroup]:
    """Let the last n groups learn and freeze all others; what was frozen before does not count.

    n = 1 trains the head alone (Aarhus lecture 7, "Transfer learning: Scenario 1"; "linear probing"
    in HSE lecture 4). Raising n between trainings is gradual unfreezing (Howard and Ruder,
    Universal Language Model Fine-tuning, 2018). fast.ai's freeze_to(-n).

    Returns:
        The groups that learn.

    Raises:
        ValueError: n is not between 1 and the number of groups; the message names them.
    """
    groups = layer_groups(model)
    if not 1 <= n <= len(groups):
        names = ", ".join(group.name for group in groups)
        raise ValueError(
            f"n counts the groups that go on learning, from 1 (the head) to {len(groups)} (all), "
            f"not {n}; {type(model).__name__} has the groups {names}"
        )
    model.unfreeze()
    for group in groups[:-n]:
        group.freeze()
    return groups[-n:]


def freeze(model: Module, *patterns: str) -> list[str]:
    """Freeze the layers and parameters whose dotted names match, e.g. "layer[12]*" or "*.bn?".

    Args:
        model: changed in place; what does not match stays as it is.
        patterns: as in a shell: * any text, ? a letter, [12] one of those. A layer that matches is
            frozen with all that is inside; a parameter that matches, alone.

    Returns:
        The names that matched.

    Raises:
        ValueError: a pattern matches nothing; the message names what is near.
    """
    return _match(model, patterns, learn=False)


def unfreeze(model: Module, *patterns: str) -> list[str]:
    """Let the layers and parameters whose dotted names match learn again; as `freeze`."""
    return _match(model, patterns, learn=True)


def param_groups(
    model: Module, lr: Rate, weight_decay: float = 0.0, decay_all: bool = False
) -> list[dict[str, Any]]:
    """Groups for an optimiser in which the learning rate grows from the input to the head.

        optimizer = AdamW(param_groups(model, slice(3e-5, 3e-4), weight_decay=0.01))

    With G layer groups, slice(a, b) gives group g = 0 … G−1 the rate

        lr[g] = a · (b / a)^(g / (G − 1))

    slice(b) gives b to the head and b / 10 to all others, as fast.ai does; a number is for all.
    What is frozen is left out, and does not change the rates of the others.

    Args:
        model: its `layer_groups` are taken.
        lr: a number or a slice.
        weight_decay: of weights.
        decay_all: also of parameters with fewer than two axes: norms and biases.

    Returns:
        Dicts with "params", "lr" and "weight_decay", from the input to the head.

    Raises:
        ValueError: a rate is not above 0, or the whole model is frozen.
    """
    groups = layer_groups(model)
    chosen = []
    for group, rate in zip(groups, rates(lr, len(groups)), strict=True):
        learning = [parameter for parameter in group.parameters if parameter.requires_grad]
        if not learning:
            continue
        parts = (
            [{"params": learning, "weight_decay": weight_decay}]
            if decay_all
            else decay_groups(learning, weight_decay)
        )
        chosen += [{**part, "lr": rate} for part in parts]
    if not chosen:
        raise ValueError(
            f"all of {type(model).__name__} is frozen, so there is nothing to optimise; "
            "freeze_to(model, 1) lets the head learn, model.unfreeze() everything"
        )
    return chosen


def rates(lr: Rate, groups: int) -> list[float]:
    """The learning rate of each of so many groups; see `param_groups`."""
    if not isinstance(lr, slice):
        low = high = lr
    else:
        high = lr.stop
        low = high / 10 if lr.start is None else lr.start
    if not (low > 0 and high > 0):
        raise ValueError(
            f"learning rates must be above 0, got {lr}; slice(3e-5, 3e-4) is for rates that grow "
            "from the first group to the head"
        )
    if isinstance(lr, slice) and lr.start is None:
        return [low] * (groups - 1) + [high]
    return [low * (high / low) ** (g / max(groups - 1, 1)) for g in range(groups - 1)] + [high]


# ------------------------------------------------------------------------------ parting


def _inside(name: str, module: Module) -> list[Named]:
    """The layers directly inside that have parameters somewhere, with dotted names."""
    prefix = f"{name}." if name else ""
    return [
        (prefix + child_name, child)
        for child_name, child in module.named_children()
        if learning_layers(child)
    ]


def _is_list(module: Module) -> bool:
    return isinstance(module, Sequential | ModuleList)


def _groups(parts: list[Named]) -> list[LayerGroup]:
    """One group for each part, but for norms, which join the part before."""
    groups: list[LayerGroup] = []
    for name, module in parts:
        if groups and isinstance(module, NORMS):
            groups[-1].modules.append(module)
        else:
            groups.append(LayerGroup(name, [module], []))
    return groups


def _with_head_alone(model: Module, parts: list[Named]) -> tuple[list[Named], list[Parameter]]:
    """The parts with the one that holds the head opened until the head stands alone.

    Returns:
        The parts, and the parameters of the opened layers themselves.
    """
    beside: list[Parameter] = []
    try:
        head = find_head(model).layer
    except HeadError:
        return parts, beside
    while all(module is not head for _, module in parts):
        k = next(k for k, (_, part) in enumerate(parts) if head in list(part.modules()))
        beside += own_parameters(parts[k][1])
        parts = [*parts[:k], *_inside(*parts[k]), *parts[k + 1 :]]
    return parts, beside


# ------------------------------------------------------------------------------ patterns


def _match(model: Module, patterns: Iterable[str], learn: bool) -> list[str]:
    modules = {name: module for name, module in model.named_modules() if name}
    parameters = dict(model.named_parameters())
    names = [*modules, *parameters]
    matching: list[str] = []
    for pattern in patterns:
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.3) or names[:3]
            raise ValueError(
                f"no layer or parameter of {type(model).__name__} matches {pattern!r}; there are, "
                f"for example, {', '.join(near)}"
            )
        matching += found
    for name in matching:
        if name in parameters:
            parameters[name].requires_grad = learn
        elif learn:
            modules[name].unfreeze()
        else:
            modules[name].freeze()
    return matching
