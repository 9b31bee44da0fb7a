"""Module: what every layer and model is. It finds its parameters by looking at its own attributes.

    class Net(nn.Module):
        def __init__(self):
            self.conv1 = nn.Conv2d(3, 16, 3)      # a layer inside
            self.scale = nn.Parameter(np.ones(16))
            self.register_buffer("seen", np.zeros(16))

        def forward(self, x):
            return F.relu(self.conv1(x))

There is no hidden bookkeeping: `vars(module)` holds it all, in the order it was assigned.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from minidl import scope
from minidl.autograd import HookHandle
from minidl.nn.parameter import Parameter
from minidl.nn.state_report import StateReport
from minidl.tensor import Tensor

Array = np.ndarray
ForwardHook = Callable[["Module", tuple[Any, ...], Any], Any]


class Module:
    """A layer or a model: parameters, buffers, layers inside, and a `forward`.

    Parameters are learned. Buffers are arrays saved with the model but not learned, such as the
    running mean of a batch norm. `training` tells layers that behave differently in evaluation,
    `frozen` norms not to move their running statistics.
    """

    training: bool = True
    frozen: bool = False
    _buffer_names: tuple[str, ...] = ()
    _forward_hooks: Mapping[HookHandle, ForwardHook] = MappingProxyType({})

    def forward(self, *args: Any) -> Any:
        """Compute the output; every subclass writes this."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run `forward`, then the hooks."""
        with scope.entered(self):
            output = self.forward(*args, **options)
        for hook in tuple(self._forward_hooks.values()):  # a hook may remove itself
            replaced = hook(self, args, output)
            output = output if replaced is None else replaced
        return output

    # ------------------------------------------------------------------ what is inside

    def register_buffer(self, name: str, array: Array) -> None:
        """Make `array` an attribute that state_dict() saves although it is not learned."""
        setattr(self, name, array)
        if name not in self._buffer_names:
            self._buffer_names = (*self._buffer_names, name)

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The layers directly inside, with their attribute names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple | dict):
                self._refuse_hidden_layers(name, value)

    def _refuse_hidden_layers(self, name: str, value: Any) -> None:
        """TypeError for layers in a plain container, where nobody would find their parameters."""
        inside = value.values() if isinstance(value, dict) else value
        if any(isinstance(item, Module) for item in inside):
            raise TypeError(
                f"{type(self).__name__}.{name} is a plain {type(value).__name__} of layers, so "
                "their parameters would be neither trained nor saved. Use nn.ModuleList or "
                "nn.Sequential"
            )

    def children(self) -> Iterator["Module"]:
        """The layers directly inside."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module (named `prefix`) and all layers inside, with dotted names."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator["Module"]:
        """This module and all layers inside."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; one that two layers share is listed once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """All buffers with dotted names."""
        for path, module in self.named_modules():
            for name in module._buffer_names:
                yield f"{path}.{name}" if path else name, getattr(module, name)

    def buffers(self) -> Iterator[Array]:
        """All buffers."""
        return (array for _, array in self.named_buffers())

    # ----------------------------------------------------------------- saving and loading

    def state_dict(self) -> dict[str, Array]:
        """All parameters and buffers by dotted name, as copies: {"conv1.weight": array, …}."""
        return {name: array.copy() for name, array in self._named_arrays()}

    def load_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> StateReport:
        """Copy arrays into the parameters and buffers of the same names.

            model = models.create("resnet20", num_classes=5)      # a new head: 5 classes, not 10
            model.load_state_dict(minidl.load("ten_classes.pth"), strict=False)

        Args:
            state: what `state_dict` returned, or a file of weights loaded.
            strict: every name and shape must match. If False, arrays that fit are loaded, the
                others stay as they are in the model, and a report of the differences is printed.

        Returns:
            The report: which names fit, are missing, unexpected or misshapen.

        Raises:
            ValueError: names or shapes do not match or, not strict, no array fits at all. The
                message lists every difference, and nothing has been changed.
        """
        own = dict(self._named_arrays())
        report = StateReport.compare(type(self).__name__, own, state)
        if (strict and not report.complete) or (own and not report.fitting):
            raise ValueError(
                f"the state does not fit {report.model}; nothing was loaded:{report.differences()}"
                + ("\n  strict=False loads what fits by name and shape" if report.fitting else "")
            )
        if not report.complete:
            print(report)  # noqa: T201 - what was passed over in silence would be searched for long
        for name in report.fitting:
            own[name][...] = state[name]
        return report

    def _named_arrays(self) -> Iterator[tuple[str, Array]]:
        """The arrays themselves, layer by layer; a shared one under each of its names."""
        for path, module in self.named_modules():
            prefix = f"{path}." if path else ""
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield prefix + name, value.data
            for name in module._buffer_names:
                yield prefix + name, getattr(module, name)

    # ------------------------------------------------------------------------------ modes

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside to training (or, with False, to evaluation)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: dropout does nothing, batch norm uses its running statistics."""
        return self.train(False)

    def freeze(self) -> Self:
        """Stop learning: no parameter inside requires a gradient, no norm moves its statistics.

        So a frozen batch norm normalises by its running statistics whatever `train` says. Dropout
        does as it did. What lies below the lowest layer that learns leaves no graph behind: its
        backward costs nothing.
        """
        return self._learn(False)

    def unfreeze(self) -> Self:
        """Learn again: every parameter inside requires a gradient, norms follow the batches."""
        return self._learn(True)

    def _learn(self, wanted: bool) -> Self:
        for module in self.modules():
            module.frozen = not wanted
        for parameter in self.parameters():
            parameter.requires_grad = wanted
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers, in place; gradients are forgotten."""
        for parameter in self.parameters():
            parameter.data, parameter.grad = parameter.data.astype(dtype), None
        for module in self.modules():
            for name in module._buffer_names:
                array = getattr(module, name)
                if array.dtype.kind == "f":
                    setattr(module, name, array.astype(dtype))
        return self

    # ------------------------------------------------------------------------------ hooks

    def register_forward_hook(self, hook: ForwardHook) -> HookHandle:
        """Call `hook(module, inputs, output)` after each forward.

        What the hook returns, unless None, replaces the output.
        """
        return HookHandle(vars(self).setdefault("_forward_hooks", {}), hook)

    # --------------------------------------------------------------------------- printing

    def extra_repr(self) -> str:
        """The layer's arguments, shown between the parentheses of its repr."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()
        ]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        body = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({self.extra_repr()}{body}\n)"


def as_tensor(x: Any) -> Tensor:
    """A layer's input as a tensor; arrays are welcome."""
    return x if isinstance(x, Tensor) else Tensor(x)
