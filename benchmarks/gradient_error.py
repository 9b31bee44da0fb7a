"""How precise are float32 gradients? Those of minidl and of PyTorch beside float64 ones.

    pip install -e ".[bench]"
    python benchmarks/gradient_error.py                       # ResNet-20 and a DenseNet-BC
    python benchmarks/gradient_error.py densenet40 --batch 32

Same weights, same images, one backward pass. The error of a parameter's gradient g is
‖g − exact‖ / ‖exact‖, where exact is PyTorch's in float64. The table has median and maximum over
all parameters, for several seeds: a single number near ReLU's kink that rounds to the other side
sends its whole gradient another way, so that the error depends on chance far more than on the code.
"""

import argparse
import statistics

import numpy as np
import torch
import twin
from rich.console import Console
from rich.table import Table

import minidl
from minidl import functional as F

BATCH = {"resnet20": 128}


def errors(name: str, batch: int, seed: int) -> dict[str, list[float]]:
    """The error of each parameter's gradient, by library."""
    entry = minidl.models.entry(name)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, *entry.input_shape), np.float32)
    y = rng.integers(0, 10, batch)
    minidl.manual_seed(seed)
    model = minidl.models.create(name)
    gradients = {}
    for side, dtype in (("exact", torch.float64), ("PyTorch", torch.float32)):
        other = twin.create(name)
        twin.copy_weights(model, other)
        logits = other.to(dtype)(torch.from_numpy(x).to(dtype))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(y)).backward()
        gradients[side] = {key: p.grad.double().numpy() for key, p in other.named_parameters()}
    F.cross_entropy(model(x), y).backward()
    gradients["minidl"] = {key: p.grad for key, p in model.named_parameters()}
    exact = gradients.pop("exact")
    return {
        side: [
            float(np.linalg.norm(found[key] - exact[key]) / np.linalg.norm(exact[key]))
            for key in exact
        ]
        for side, found in gradients.items()
    }


def main() -> None:
    """Read the command line, compute, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["resnet20", "densenet_bc40"])
    parser.add_argument(
        "--batch", type=int, help="images, else 128 for ResNet-20 and 64 for others"
    )
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    table = Table(title="error of float32 gradients beside float64, over all parameters")
    for column in ("model", "images", "seed", "side", "median", "maximum"):
        table.add_column(column, justify="left" if column in ("model", "side") else "right")
    for name in arguments.models:
        batch = arguments.batch or BATCH.get(name, 64)
        for seed in range(arguments.seeds):
            for side, series in errors(name, batch, seed).items():
                middle, largest = statistics.median(series), max(series)
                table.add_row(name, str(batch), str(seed), side, f"{middle:.1e}", f"{largest:.1e}")
        table.add_section()
    Console().print(table)


if __name__ == "__main__":
    main()
