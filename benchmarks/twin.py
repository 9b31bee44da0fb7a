"""The same architecture on PyTorch: minidl's model files, run with torch.nn for minidl.nn.

minidl's layers carry PyTorch's names, arguments and defaults, so `minidl/models/resnet_cifar.py` is
also a PyTorch program once its imports are pointed at PyTorch. What is compared is then the same
network by construction, down to the names of its weights.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from runpy import run_path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import minidl


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


class _BatchNormReLU2d(torch.nn.BatchNorm2d):
    """What minidl does in one op: batch norm, the sum with a shortcut if there is one, ReLU."""

    def forward(
        self, x: torch.Tensor | list[torch.Tensor], residual: torch.Tensor | None = None
    ) -> torch.Tensor:
        """relu(batch_norm(x) + residual), of the concatenation if x comes in parts."""
        y = super().forward(torch.cat(x, 1) if isinstance(x, list) else x)
        return torch.nn.functional.relu(y if residual is None else y + residual)


def _module(name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    return module


@contextmanager
def _torch_in_place_of_minidl(register: Callable[..., None]) -> Iterator[None]:
    functional = _module("minidl.functional", **vars(torch.nn.functional))
    functional.concatenate = torch.concatenate
    nn = _module("minidl.nn", **vars(torch.nn))
    nn.Module, nn.Sequential, nn.BatchNormReLU2d = _Module, _Sequential, _BatchNormReLU2d
    stand_ins = {
        "minidl": _module("minidl", functional=functional, nn=nn),
        "minidl.functional": functional,
        "minidl.nn": nn,
        "minidl.tensor": SimpleNamespace(Tensor=torch.Tensor),
        "minidl.models.registry": SimpleNamespace(register=register, Small=minidl.models.Small),
    }
    with patch.dict(sys.modules, stand_ins):
        yield


def create(name: str, **options: Any) -> torch.nn.Module:
    """minidl.models.create(name, **options), but of PyTorch's layers."""
    found: dict[str, Callable[..., torch.nn.Module]] = {}

    def register(entry: str, build: Callable[..., torch.nn.Module], **_: Any) -> None:
        found[entry] = build

    build: Any = minidl.models.entry(name).build
    while isinstance(build, partial):
        build = build.func
    with _torch_in_place_of_minidl(register):
        run_path(str(sys.modules[build.__module__].__file__))
        return found[name](**options)


def copy_weights(source: minidl.nn.Module, target: torch.nn.Module) -> None:
    """Give a twin the weights and buffers of a minidl model, by name."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in source.state_dict().items()}
    target.load_state_dict(state)
