"""The same architecture on PyTorch: minidl's model files, run with torch.nn for minidl.nn.

minidl's layers carry PyTorch's names, arguments and defaults, so `minidl/models/resnet_cifar.py` is
also a PyTorch program once its imports are pointed at PyTorch. What is compared is then the same
network by construction, down to the names of its weights.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import minidl

Build = Callable[..., torch.nn.Module]


class _Module(torch.nn.Module):
    """torch.nn.Module for classes that, as in minidl, do not call super().__init__()."""

    def __new__(cls, *_: Any, **__: Any) -> "_Module":
        made = super().__new__(cls)
        torch.nn.Module.__init__(made)
        return made


class _Sequential(torch.nn.Sequential):
    """torch.nn.Sequential that takes any mapping of names to layers."""

    def __init__(self, *layers: Any) -> None:
        named = len(layers) == 1 and isinstance(layers[0], dict)
        super().__init__(*([OrderedDict(layers[0])] if named else layers))


class BatchNormReLU2d(torch.nn.BatchNorm2d):
    """What minidl does in one op: batch norm, the sum with a shortcut if there is one, ReLU."""

    def forward(
        self, x: torch.Tensor | list[torch.Tensor], residual: torch.Tensor | None = None
    ) -> torch.Tensor:
        """relu(batch_norm(x) + residual), of the concatenation if x comes in parts."""
        y = super().forward(torch.cat(x, 1) if isinstance(x, list) else x)
        return torch.nn.functional.relu(y if residual is None else y + residual)


def _parameter(values: torch.Tensor | np.ndarray) -> torch.nn.Parameter:
    """torch.nn.Parameter that takes an array too."""
    return torch.nn.Parameter(torch.as_tensor(values))


def _squash(x: torch.Tensor, axis: int = -1, eps: float = 1e-8) -> torch.Tensor:
    """minidl.functional.squash: capsules shortened to a length below 1."""
    square = (x * x).sum(axis, keepdim=True)
    return square / (1 + square) * x / torch.sqrt(square + eps)


def _undropped(what: str, chance: float, training: bool) -> None:
    """Refuse to drop: the two libraries would draw different samples."""
    if training and chance > 0:
        raise ValueError(f"the twin has no {what} by chance: call eval() or set its chance to 0")


def _drop_path(x: torch.Tensor, p: float, training: bool = True) -> torch.Tensor:
    """minidl.functional.drop_path where nothing is dropped."""
    _undropped("drop_path", p, training)
    return x


def _fractal_join(
    columns: Sequence[torch.Tensor], p_local: float = 0.15, training: bool = True
) -> torch.Tensor:
    """minidl.functional.fractal_join where nothing is dropped: the mean of all columns."""
    _undropped("fractal_join", p_local, training)
    return torch.stack(list(columns)).mean(0)


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


@contextmanager
def _torch_in_place_of_minidl(folder: Path, register: Callable[..., None]) -> Iterator[None]:
    """While open, `import minidl.nn` finds torch.nn, and model files are imported afresh."""
    functional = _module("minidl.functional", **vars(torch.nn.functional))
    functional.concatenate, functional.squash = torch.concatenate, _squash
    functional.drop_path, functional.fractal_join = _drop_path, _fractal_join
    nn = _module("minidl.nn", **vars(torch.nn))
    nn.Module, nn.Sequential, nn.BatchNormReLU2d = _Module, _Sequential, BatchNormReLU2d
    nn.Parameter = _parameter
    stand_ins = {
        "minidl": _module("minidl", functional=functional, nn=nn),
        "minidl.functional": functional,
        "minidl.nn": nn,
        "minidl.tensor": SimpleNamespace(Tensor=torch.Tensor, ArrayLike=Any),
        "minidl.models": _module("minidl.models", __path__=[str(folder)]),
        "minidl.models.registry": SimpleNamespace(register=register, Small=minidl.models.Small),
    }
    with patch.dict(sys.modules, stand_ins):  # which puts everything back at the end
        for name in [name for name in sys.modules if name.startswith("minidl.models.")]:
            if name not in stand_ins:
                del sys.modules[name]
        yield


@cache
def _builds() -> dict[str, Build]:
    """What builds each architecture: every model file, imported once more, registers its own."""
    builds: dict[str, Build] = {}

    def register(name: str, build: Build, **_: Any) -> None:
        builds[name] = build

    folder = Path(minidl.models.__file__).parent
    with _torch_in_place_of_minidl(folder, register):
        for file in sorted(folder.glob("*.py")):
            if file.stem not in ("__init__", "registry"):
                import_module(f"minidl.models.{file.stem}")
    return builds


def create(name: str, **options: Any) -> torch.nn.Module:
    """minidl.models.create(name, **options), but of PyTorch's layers."""
    return _builds()[name](**options)


def copy_weights(source: minidl.nn.Module, target: torch.nn.Module) -> None:
    """Give a twin the weights and buffers of a minidl model, by name."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in source.state_dict().items()}
    target.load_state_dict(state)
