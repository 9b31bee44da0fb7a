"""Compare every op with PyTorch's, forward and gradients, on the samples of `minidl.samples`.

    pip install -e ".[bench]"
    python benchmarks/parity.py
    python benchmarks/parity.py Conv2d BatchNorm

The functions of minidl are named and argued as PyTorch's, so a sample, which calls them, is also a
PyTorch program: each sample file is run a second time with torch.nn.functional in the place of
minidl.functional. Both compute in float64 from the same inputs, with the same random cotangent.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import minidl
from minidl import samples as families
from minidl.samples import Sample

FOLDER = Path(families.__file__).parent
OTHER_NAMES = {"axis": "dim", "labels": "target"}


class TorchTensor(torch.Tensor):
    """A PyTorch tensor whose methods take NumPy's arguments, as minidl's do."""

    def transpose(self, *axes: int) -> Any:
        """Axes in another order; reversed if none is given."""
        return self.permute(axes or tuple(reversed(range(self.ndim))))

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest element over one or several axes."""
        return torch.amax(self, () if axis is None else axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest element over one or several axes."""
        return torch.amin(self, () if axis is None else axis, keepdims)

    def var(self, axis: Any = None, keepdims: bool = False, correction: int = 0) -> Any:
        """The variance, divided by count − correction."""
        return torch.var(self, axis, correction=correction, keepdim=keepdims)

    def std(self, axis: Any = None, keepdims: bool = False, correction: int = 0) -> Any:
        """The standard deviation."""
        return self.var(axis, keepdims, correction).sqrt()

    def clip(self, low: Any = None, high: Any = None) -> Any:
        """Kept between two bounds."""
        return torch.clamp(self, low, high)

    def broadcast_to(self, *sizes: int) -> Any:
        """Repeated along new or length-1 axes."""
        return torch.broadcast_to(self, sizes)

    def expand_dims(self, axis: int) -> Any:
        """A new axis of length 1."""
        return self.unsqueeze(axis)

    def roll(self, shift: Any, axis: Any = None) -> Any:
        """Elements moved on along some axes."""
        return torch.roll(self, shift, axis)


def adapted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A PyTorch function that takes arrays for constants, and minidl's names for arguments."""

    def plain(value: Any) -> Any:
        return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value

    def call(*arguments: Any, **options: Any) -> Any:
        renamed = {OTHER_NAMES.get(name, name): plain(value) for name, value in options.items()}
        return function(*map(plain, arguments), **renamed)

    return call


def conv2d(x: Any, weight: Any, bias: Any = None, padding: Any = 0, **options: Any) -> Any:
    """torch's conv2d, which does not know paddings of four sides: they are added before."""
    if isinstance(padding, tuple) and len(padding) == 4:
        top, bottom, left, right = padding
        x, padding = torch.nn.functional.pad(x, (left, right, top, bottom)), 0
    return torch.nn.functional.conv2d(x, weight, bias, padding=padding, **options)


def missing(name: str) -> Callable[..., Any]:
    """What stands in for a function that PyTorch does not have: it says so when called."""

    def call(*_: Any, **__: Any) -> Any:
        raise LookupError(f"PyTorch has no {name}")

    return call


def batch_norm_relu(*arguments: Any, residual: Any = None, **options: Any) -> Any:
    """The chain that minidl has as one op."""
    y = torch.nn.functional.batch_norm(*arguments, **options)
    return torch.relu(y if residual is None else y + residual)


OWN_CHAINS = {
    "conv2d": conv2d,
    "batch_norm_relu": batch_norm_relu,
    "add_relu": lambda a, b: torch.relu(a + b),
    "take_along_axis": lambda x, indices, dim: torch.take_along_dim(x, indices, dim),
    "split": lambda x, sizes, dim=0: torch.split(x, sizes, dim),
    "chunk": lambda x, n, dim=0: torch.chunk(x, n, dim),
    "maxout": lambda x, pool_size, dim=1: x.unflatten(dim, (-1, pool_size)).amax(dim % x.ndim + 1),
}
"""What torch.nn.functional lacks but PyTorch can say in a line."""


def torch_functional() -> ModuleType:
    """torch.nn.functional under minidl's conventions."""
    module = ModuleType("minidl.functional")
    module.__getattr__ = missing
    for name, function in vars(torch.nn.functional).items():
        if callable(function):
            setattr(module, name, adapted(function))
    for name, chain in OWN_CHAINS.items():
        setattr(module, name, adapted(chain))
    for name in ("concatenate", "stack", "where", "maximum", "minimum"):
        setattr(module, name, adapted(getattr(torch, name)))
    return module


def torch_samples() -> dict[tuple[str, str], Sample]:
    """The samples of every file that PyTorch can run, by op and label."""
    functional = torch_functional()
    front = ModuleType("minidl")
    front.functional, front.random = functional, minidl.random
    stand_ins = {
        "minidl": front,
        "minidl.functional": functional,
        "minidl.tensor": SimpleNamespace(Tensor=TorchTensor, apply=missing("such op")),
    }
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem not in ("__init__", "sample"):
            with patch.dict(sys.modules, stand_ins):
                rows = run_path(str(path))["samples"]()
                found |= {(row.op.__name__, row.label): row for row in rows}
    return found


def largest_difference(ours: Sample, theirs: Sample) -> float:
    """Over output and gradients, the largest difference relative to the larger number or 1."""
    arrays = ours.inputs()
    tensors = [minidl.Tensor(array, requires_grad=True) for array in arrays]
    output = ours.function(*tensors)
    v = np.random.default_rng(3).standard_normal(output.shape)
    output.backward(v)

    others = [torch.from_numpy(a.copy()).as_subclass(TorchTensor) for a in arrays]
    others = [other.requires_grad_(True) for other in others]
    expected = theirs.function(*others)
    expected.backward(torch.from_numpy(v))

    pairs = [(output.data, expected)]
    pairs += [(tensor.grad, other.grad) for tensor, other in zip(tensors, others, strict=True)]
    worst = 0.0
    for left, right in pairs:
        wanted = right.detach().numpy()
        if left.shape != wanted.shape:
            raise ValueError(f"shapes {left.shape} and {wanted.shape}")
        size = np.maximum(np.maximum(np.abs(left), np.abs(wanted)), 1)
        worst = max(worst, float((np.abs(left - wanted) / size).max(initial=0.0)))
    return worst


def main() -> None:
    """Compare, and print a table with a row for each op."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ops", nargs="*", help="names of ops; all if none is given")
    wanted = parser.parse_args().ops
    theirs = torch_samples()
    by_op: dict[str, list[Sample]] = {}
    for sample in families.samples():
        if not wanted or sample.op.__name__ in wanted:
            by_op.setdefault(sample.op.__name__, []).append(sample)

    table = Table(title=f"minidl beside PyTorch {torch.__version__}, float64")
    for column in ("op", "samples", "compared", "largest difference", "not compared because"):
        table.add_column(column)
    total = 0.0
    for op, group in by_op.items():
        differences, reasons = [], {}
        for sample in group:
            try:
                if op == "Dropout" or "dropout" in sample.label:
                    raise LookupError("each library draws its own mask")
                differences.append(largest_difference(sample, theirs[op, sample.label]))
            except Exception as error:
                reasons[str(error).splitlines()[0][:60]] = sample.label
        worst = max(differences, default=float("nan"))
        total = max(total, worst) if differences else total
        table.add_row(
            op, str(len(group)), str(len(differences)), f"{worst:.1e}", "; ".join(reasons)
        )
    console = Console()
    console.print(table)
    console.print(f"largest difference of all: {total:.1e}")


if __name__ == "__main__":
    main()
