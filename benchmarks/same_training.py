"""Train the same network in minidl and in PyTorch, and compare the losses step by step.

    pip install -e ".[bench]"
    python benchmarks/same_training.py                  # resnet20
    python benchmarks/same_training.py densenet40 --steps 10

Both start from the same weights and see the same images, in float64, with Nesterov's momentum and
weight decay. Whatever is wrong in a forward, a backward, batch norm's running statistics or the
optimiser pulls the two apart; rounding alone keeps them together for dozens of steps.
"""

import argparse

import numpy as np
import torch
import twin
from rich.console import Console
from rich.table import Table

import minidl
from minidl import functional as F

SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}


def main() -> None:
    """Train both, print the losses, and how far apart the weights are at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="resnet20")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()

    shape = minidl.models.entry(arguments.model).input_shape
    minidl.manual_seed(0)
    model = minidl.models.create(arguments.model, in_channels=shape[0]).astype(np.float64)
    other = twin.create(arguments.model, in_channels=shape[0]).double()
    twin.copy_weights(model, other)
    optimizer = minidl.optim.SGD(model.parameters(), **SGD)
    other_optimizer = torch.optim.SGD(other.parameters(), **SGD)

    table = Table(title=f"{arguments.model}, float64")
    for column in ("step", "minidl's loss", "PyTorch's loss", "difference"):
        table.add_column(column, justify="right")
    rng = np.random.default_rng(0)
    for step in range(arguments.steps):
        x = rng.standard_normal((arguments.batch, *shape))
        y = rng.integers(0, 10, arguments.batch)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        other_loss = torch.nn.functional.cross_entropy(
            other(torch.from_numpy(x)), torch.from_numpy(y)
        )
        other_optimizer.zero_grad()
        other_loss.backward()
        other_optimizer.step()
        ours, theirs = float(loss), other_loss.item()
        table.add_row(str(step), f"{ours:.10f}", f"{theirs:.10f}", f"{abs(ours - theirs):.0e}")
    state = model.state_dict()
    apart = max(
        float(np.abs(value.numpy() - state[name]).max())
        for name, value in other.state_dict().items()
    )
    console = Console()
    console.print(table)
    console.print(f"largest difference of a weight or buffer at the end: {apart:.0e}")


if __name__ == "__main__":
    main()
