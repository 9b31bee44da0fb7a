"""minidl: a from-scratch deep-learning framework on NumPy and Numba, made to be read.

    import minidl
    from minidl import Tensor, nn, functional as F

    model = minidl.models.create("resnet20", num_classes=10)

From `model(x)` to the line that computes it is three steps: layer (`minidl.nn`), op (`minidl.ops`),
kernel (`minidl_kernels`).
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from minidl_kernels import select as set_kernels
from minidl_kernels import use as kernels
from minidl_kernels.threads import num_threads, set_num_threads

from minidl import functional, models, nn, optim, random
from minidl.autograd import detect_anomaly, no_grad
from minidl.errors import AnomalyError, GradientError, GraphError, InputError
from minidl.gradcheck import gradcheck
from minidl.profile import profile
from minidl.random import manual_seed
from minidl.shapes import shapes_only
from minidl.summary import summary
from minidl.tensor import Tensor
from minidl.weights import load, save

if TYPE_CHECKING:
    from minidl import data, train, viz

__version__ = "0.1.0"

__all__ = [
    "AnomalyError",
    "GradientError",
    "GraphError",
    "InputError",
    "Tensor",
    "data",
    "detect_anomaly",
    "functional",
    "gradcheck",
    "kernels",
    "load",
    "manual_seed",
    "models",
    "nn",
    "no_grad",
    "num_threads",
    "optim",
    "profile",
    "random",
    "save",
    "set_kernels",
    "set_num_threads",
    "shapes_only",
    "summary",
    "train",
    "viz",
]

_LATE = ("data", "train", "viz")


def __getattr__(name: str) -> ModuleType:
    """Import `data`, `train` and `viz` when first used: they bring plots and progress bars."""
    if name in _LATE:
        return importlib.import_module(f"minidl.{name}")
    raise AttributeError(f"module 'minidl' has no attribute {name!r}")
