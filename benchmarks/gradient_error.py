"""How precise are float32 gradients? Those of minidl and of PyTorch beside float64 ones.

    pip install -e ".[bench]"
    python benchmarks/gradient_error.py                       # ResNet-20 and two DenseNets
    python benchmarks/gradient_error.py densenet40 --batch 32
    python benchmarks/gradient_error.py --smooth              # SiLU in place of ReLU

Same weights, same images, one backward pass. The error of a parameter's gradient g is
‖g − exact‖ / ‖exact‖, where exact is PyTorch's in float64; the table has median and maximum over
all parameters, for several seeds.

A single number near ReLU's kink that rounds to the other side sends its whole gradient another way,
so that the error depends on chance far more than on the code. Two columns show it. "flips" counts
the ReLUs of the network whose output is positive in float32 and zero in float64, or the other way
round. `--smooth` puts SiLU, which has no kink, in the place of every ReLU, on both sides: what is
left of the error then is rounding alone.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import twin
from networks import NETWORKS
from record import RESULTS, save, show
from rich.progress import track

import minidl
from minidl import functional as F

Signs = list[np.ndarray]


@dataclass(frozen=True)
class Gradients:
    """What one backward pass found.

    Attributes:
        of: the gradient of each parameter, by name.
        signs: which outputs of each ReLU are positive.
    """

    of: dict[str, np.ndarray]
    signs: Signs

    def errors(self, exact: "Gradients") -> list[float]:
        """‖g − exact‖ / ‖exact‖ of each parameter."""
        return [
            float(np.linalg.norm(self.of[key] - g) / np.linalg.norm(g))
            for key, g in exact.of.items()
        ]

    def flips(self, exact: "Gradients") -> int:
        """How many numbers are on the other side of ReLU's kink."""
        return sum(int((a != b).sum()) for a, b in zip(self.signs, exact.signs, strict=True))


def torch_gradients(
    model: minidl.nn.Module,
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    smooth: bool,
    dtype: torch.dtype,
) -> Gradients:
    """PyTorch's gradients in float32 or float64."""
    other = twin.create(NETWORKS[name].architecture, **NETWORKS[name].options)
    twin.copy_weights(model, other)
    other = other.to(dtype)
    signs: Signs = []
    with _watched(twin.BatchNormReLU2d, smooth, _torch_smooth, signs):
        logits = other(torch.from_numpy(x).to(dtype))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(y)).backward()
    return Gradients({k: p.grad.double().numpy() for k, p in other.named_parameters()}, signs)


def minidl_gradients(
    model: minidl.nn.Module, x: np.ndarray, y: np.ndarray, smooth: bool
) -> Gradients:
    """minidl's gradients in float32."""
    signs: Signs = []
    with _watched(minidl.nn.BatchNormReLU2d, smooth, _minidl_smooth, signs):
        logits = model(x)
    F.cross_entropy(logits, y).backward()
    return Gradients({k: p.grad.astype(np.float64) for k, p in model.named_parameters()}, signs)


@contextmanager
def _watched(layer: type, smooth: bool, smoothly: Callable, signs: Signs) -> Iterator[None]:
    """While open, the layer notes which of its outputs are positive, and is smooth if asked to."""
    forward = smoothly if smooth else layer.forward

    def noting(self: Any, *inputs: Any, **options: Any) -> Any:
        y = forward(self, *inputs, **options)
        signs.append(np.asarray(y.detach()) > 0)
        return y

    with patch.object(layer, "forward", noting):
        yield


def _torch_smooth(self: Any, x: Any, residual: Any = None) -> torch.Tensor:
    """silu(batch_norm(x) + residual)."""
    y = torch.nn.BatchNorm2d.forward(self, torch.cat(x, 1) if isinstance(x, list) else x)
    return torch.nn.functional.silu(y if residual is None else y + residual)


def _minidl_smooth(self: Any, x: Any, residual: Any = None) -> minidl.Tensor:
    """silu(batch_norm(x) + residual)."""
    y = self.through(F.batch_norm, F.concatenate(x, axis=1) if isinstance(x, list) else x)
    return F.silu(y if residual is None else y + residual)


def main() -> None:
    """Read the command line, compute, print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["resnet20", "densenet_bc40", "densenet40"])
    parser.add_argument("--batch", type=int, help="images, else those of a training step")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--smooth", action="store_true", help="SiLU in place of ReLU")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    arguments = parser.parse_args()

    rows = []
    cases = [(name, seed) for name in arguments.models for seed in range(arguments.seeds)]
    for name, seed in track(cases, "computing", transient=True):
        network = NETWORKS[name]
        images = arguments.batch or network.batch
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((images, *network.input_shape), np.float32)
        y = rng.integers(0, 10, images)
        minidl.manual_seed(seed)
        model = minidl.models.create(network.architecture, **network.options)
        exact, theirs = (
            torch_gradients(model, name, x, y, arguments.smooth, dtype)
            for dtype in (torch.float64, torch.float32)
        )
        ours = minidl_gradients(model, x, y, arguments.smooth)
        for side, found in (("minidl", ours), ("PyTorch", theirs)):
            errors = found.errors(exact)
            rows.append(
                {
                    "network": name,
                    "images": images,
                    "seed": seed,
                    "side": side,
                    "median": f"{statistics.median(errors):.1e}",
                    "maximum": f"{max(errors):.1e}",
                    "flips": "" if arguments.smooth else found.flips(exact),
                }
            )
    kind = "with SiLU in place of ReLU" if arguments.smooth else "with ReLU"
    show(f"error of float32 gradients beside float64, {kind}", "over all parameters", rows)
    save(arguments.out, f"gradient_error{'_smooth' * arguments.smooth}", rows, list(NETWORKS))


if __name__ == "__main__":
    main()
