"""Time one training step of minidl beside PyTorch, alternating in one process.

    pip install -e ".[bench]"
    python benchmarks/train_step.py                      # ResNet-20, 128 images
    python benchmarks/train_step.py resnet20 densenet40 lenet5 --repeats 15

A step is forward, backward and SGD with momentum and weight decay, in float32, on the same weights
and the same images. Both libraries use the same number of threads. Before timing, each takes two
steps from the same weights, and their losses must agree: a wrong step is not timed.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import twin
from rich.console import Console
from rich.table import Table

import minidl
from minidl import functional as F

BATCH = {"lenet5": 128, "resnet20": 128, "densenet40": 64, "densenet_bc40": 64}
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}

Step = Callable[[], float]
"""Takes one training step and returns its loss."""


def steps(name: str, batch: int) -> dict[str, Step]:
    """One training step of the model `name` in minidl, in PyTorch, and in PyTorch channels-last."""
    entry = minidl.models.entry(name)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, *entry.input_shape), np.float32)
    y = rng.integers(0, 10, batch)

    minidl.manual_seed(0)
    model = minidl.models.create(name, in_channels=entry.input_shape[0])
    optimizer = minidl.optim.SGD(model.parameters(), **SGD)

    def minidl_step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss)

    def torch_step(memory_format: torch.memory_format) -> Step:
        twin_model = twin.create(name, in_channels=entry.input_shape[0])
        twin.copy_weights(model, twin_model)
        twin_model = twin_model.to(memory_format=memory_format)
        images = torch.from_numpy(x).to(memory_format=memory_format)
        labels = torch.from_numpy(y)
        twin_optimizer = torch.optim.SGD(twin_model.parameters(), **SGD)

        def step() -> float:
            twin_optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(twin_model(images), labels)
            loss.backward()
            twin_optimizer.step()
            return loss.item()

        return step

    return {
        "minidl": minidl_step,
        "PyTorch": torch_step(torch.contiguous_format),
        "PyTorch channels_last": torch_step(torch.channels_last),
    }


def measure(sides: dict[str, Step], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of `repeats` steps of each side, taken in turns after two steps to warm up."""
    losses = {side: [step(), step()] for side, step in sides.items()}
    for side, loss in losses.items():
        np.testing.assert_allclose(loss, losses["minidl"], rtol=1e-2, err_msg=side)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, step in sides.items():
            start = time.perf_counter()
            step()
            times[side].append(1000 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["resnet20"])
    parser.add_argument("--repeats", type=int, default=9, help="timed steps of each side")
    parser.add_argument(
        "--batch", type=int, help="images in a step, else each model's usual number"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    minidl.set_num_threads(arguments.threads)
    table = Table(
        title=f"one training step, {arguments.threads} threads, median of {arguments.repeats}",
        caption=f"PyTorch {torch.__version__}, NumPy {np.__version__}. Speed is PyTorch's time "
        "divided by minidl's: above 1 minidl is faster.",
    )
    for column in ("model", "images", "side", "ms", "fastest … slowest", "images/s", "speed"):
        table.add_column(column, justify="left" if column in ("model", "side") else "right")
    for name in arguments.models:
        batch = arguments.batch or BATCH.get(name, 64)
        times = measure(steps(name, batch), arguments.repeats)
        ours = statistics.median(times["minidl"])
        for side, series in times.items():
            median = statistics.median(series)
            table.add_row(
                name,
                str(batch),
                side,
                f"{median:.1f}",
                f"{min(series):.1f} … {max(series):.1f}",
                f"{1000 * batch / median:,.0f}",
                "" if side == "minidl" else f"{median / ours:.2f}",
            )
        table.add_section()
    Console().print(table)


if __name__ == "__main__":
    main()
