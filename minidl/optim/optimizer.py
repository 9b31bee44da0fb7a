"""What all optimisers share: groups of parameters, their settings, and the memory of past steps."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from minidl.optim.allowed import RATE, Allowed
from minidl.tensor import Tensor

Array = np.ndarray
Group = dict[str, Any]
"""Parameters under "params", and the settings they are trained with ("lr", …)."""


class Optimizer:
    """Holds the parameters and steps them; each subclass writes the rule for one parameter.

    Args:
        params: parameters, or groups of them: dicts with "params" and their own settings, such as
            {"params": model.fc.parameters(), "lr": 0.01}.
        defaults: the settings of groups that do not give their own.

    A learning rate of 0 is allowed, for a group that should not move; its memory goes on. NaN and
    what else no rule can work with is refused when the optimiser is made, and again before each
    step, so that a wrong schedule cannot spoil the weights.

    Attributes:
        param_groups: the groups. Changing group["lr"] changes the next step.
        state: for each parameter (by position) the arrays its rule remembers.
        allowed: the numbers that each setting may be.
    """

    allowed: ClassVar[Mapping[str, Allowed]] = {"lr": RATE}

    def __init__(
        self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], defaults: Group
    ) -> None:
        self.param_groups: list[Group] = [
            {**defaults, **group} for group in self._groups(params, defaults)
        ]
        self.state: dict[int, dict[str, Array]] = {}
        self._check_parameters()
        for group in self.param_groups:
            self.check(group)

    def _groups(
        self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], defaults: Group
    ) -> list[Group]:
        """The argument `params` as groups with lists of parameters."""
        if isinstance(params, Tensor):
            raise TypeError("a list of parameters is expected, not one tensor; write [parameter]")
        given: list[Any] = list(params)
        if not any(isinstance(group, Mapping) for group in given):
            return [{"params": given}]
        groups = []
        for group in given:
            if not isinstance(group, Mapping) or "params" not in group:
                raise TypeError(
                    "parameters and groups of parameters are mixed, or a group has no 'params'; "
                    "each group is a dict: {'params': model.fc.parameters(), 'lr': 0.01}"
                )
            unknown = [name for name in group if name != "params" and name not in defaults]
            if unknown:
                raise ValueError(
                    f"a group sets {', '.join(unknown)}, which {type(self).__name__} does not "
                    f"have; its settings are {', '.join(defaults)}"
                )
            members = group["params"]
            members = [members] if isinstance(members, Tensor) else list(members)
            groups.append({**group, "params": members})
        return groups

    def _check_parameters(self) -> None:
        parameters = self._parameters()
        if not parameters:
            raise ValueError(
                f"{type(self).__name__} got no parameters; pass model.parameters(), and note that "
                "an iterator can be used up once only"
            )
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                raise TypeError(f"an optimiser steps tensors, not {type(parameter).__name__}")
            if parameter.op is not None:
                raise ValueError(
                    f"an optimiser steps leaves, not a tensor made by {parameter.op.name}, which "
                    "receives no .grad; pass the parameters it was computed from"
                )
        if len({id(parameter) for parameter in parameters}) < len(parameters):
            raise ValueError("a parameter is listed twice; it would be stepped twice")

    def check(self, group: Group) -> None:
        """Raise if the rule cannot work with the settings of `group`."""
        for name, allowed in self.allowed.items():
            allowed.check(type(self).__name__, name, group[name])

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def step(self) -> None:
        """Change every parameter that has a gradient by the optimiser's rule.

        Raises:
            ValueError: a setting has become NaN or out of range; no parameter has been changed.
        """
        for group in self.param_groups:
            self.check(group)
        position = 0
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    memory = self.state.setdefault(position, {})
                    self.update(parameter.data, parameter.grad, memory, group)
                position += 1

    def update(self, value: Array, grad: Array, memory: dict[str, Array], group: Group) -> None:
        """Change `value` in place; keep what the next step needs in `memory`."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget all gradients, so that the next backward pass starts from nothing."""
        for parameter in self._parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The memory and settings, as copies; parameters are counted, not saved."""
        state = {
            str(position): {name: array.copy() for name, array in memory.items()}
            for position, memory in self.state.items()
        }
        groups = [{**group, "params": len(group["params"])} for group in self.param_groups]
        return {"optimizer": type(self).__name__, "state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the optimiser that gave `state` stopped.

        Raises:
            ValueError: the saved optimiser had another rule, other groups of parameters, or memory
                of other shapes; nothing has been changed.
        """
        rule = state.get("optimizer", "of an older version")
        if rule != type(self).__name__:
            raise ValueError(
                f"the saved optimiser is {rule}, this one {type(self).__name__}; they remember "
                "different things. Build the optimiser that was saved, or start afresh"
            )
        saved = [group["params"] for group in state["param_groups"]]
        own = [len(group["params"]) for group in self.param_groups]
        if saved != own:
            raise ValueError(
                f"the saved optimiser has groups of {saved} parameters, this one of {own}; "
                "build the optimiser for the same model as before"
            )
        parameters = self._parameters()
        memory = {
            int(position): {name: np.array(array) for name, array in arrays.items()}
            for position, arrays in state["state"].items()
        }
        for position, arrays in memory.items():
            for name, array in arrays.items():
                if array.ndim and array.shape != parameters[position].shape:
                    raise ValueError(
                        f"the saved {name} of parameter {position} has shape {array.shape}, but "
                        f"the parameter has {parameters[position].shape}"
                    )
        for group, settings in zip(self.param_groups, state["param_groups"], strict=True):
            self.check({**group, **settings})
        self.state = memory
        for group, settings in zip(self.param_groups, state["param_groups"], strict=True):
            group.update({key: value for key, value in settings.items() if key != "params"})
