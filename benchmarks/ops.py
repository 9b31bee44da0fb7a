"""Time each kernel beside PyTorch at the shapes of LeNet, ResNet-20, DenseNet and MobileNet.

    pip install -e ".[bench]"
    python benchmarks/ops.py                       # all kernels
    python benchmarks/ops.py conv --turns 25       # kernels whose name begins so

Forward, input gradient and weight gradient (or backward) are timed one by one: minidl's kernel,
then PyTorch's in its default layout, then in channels_last, in turns, `--turns` times; medians.
The three results are compared before anything is timed. A turn begins with calls that are not timed
(`turns.py` says why).

Everything is also written to `benchmarks/results/`, with the machine and the versions.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch
from matplotlib.figure import Figure
from minidl_kernels import active
from neighbours import Neighbours
from rich.progress import track
from turns import take_turns

import minidl

Call = Callable[[], Any]

CONVOLUTIONS = [  # (N, C, O, H, kernel, stride, padding, groups)
    ("lenet 1→6 5×5", (128, 1, 6, 32, 5, 1, 0, 1)),
    ("lenet 6→16 5×5", (128, 6, 16, 14, 5, 1, 0, 1)),
    ("resnet 3→16", (128, 3, 16, 32, 3, 1, 1, 1)),
    ("resnet 16→16", (128, 16, 16, 32, 3, 1, 1, 1)),
    ("resnet 16→32 /2", (128, 16, 32, 32, 3, 2, 1, 1)),
    ("resnet 32→32", (128, 32, 32, 16, 3, 1, 1, 1)),
    ("resnet 64→64", (128, 64, 64, 8, 3, 1, 1, 1)),
    ("densenet 88→12", (64, 88, 12, 32, 3, 1, 1, 1)),
    ("densenet 232→12", (64, 232, 12, 16, 3, 1, 1, 1)),
    ("densenet 304→304 1×1", (64, 304, 304, 16, 1, 1, 0, 1)),
    ("mobilenet 64→128 1×1", (64, 64, 128, 16, 1, 1, 0, 1)),
    ("mobilenet 512→512 1×1", (64, 512, 512, 4, 1, 1, 0, 1)),
    ("mobilenet depthwise 32 at 32", (64, 32, 32, 32, 3, 1, 1, 32)),
    ("mobilenet depthwise 64 at 32 /2", (64, 64, 64, 32, 3, 2, 1, 64)),
    ("mobilenet depthwise 128 at 16", (64, 128, 128, 16, 3, 1, 1, 128)),
    ("mobilenet depthwise 128 at 16 /2", (64, 128, 128, 16, 3, 2, 1, 128)),
    ("mobilenet depthwise 256 at 8", (64, 256, 256, 8, 3, 1, 1, 256)),
    ("mobilenet depthwise 256 at 8 /2", (64, 256, 256, 8, 3, 2, 1, 256)),
    ("mobilenet depthwise 512 at 4", (64, 512, 512, 4, 3, 1, 1, 512)),
    ("mobilenet depthwise 512 at 4 /2", (64, 512, 512, 4, 3, 2, 1, 512)),
    ("mobilenet depthwise 1024 at 2", (64, 1024, 1024, 2, 3, 1, 1, 1024)),
]
NORMS = [  # (N, C, H)
    ("resnet 16 at 32", (128, 16, 32)),
    ("resnet 64 at 8", (128, 64, 8)),
    ("densenet 160 at 32", (64, 160, 32)),
    ("mobilenet 512 at 4", (64, 512, 4)),
]
POOLS = [  # (N, C, H)
    ("lenet 6 at 28", (128, 6, 28)),
    ("densenet 160 at 32", (64, 160, 32)),
]


@dataclass(frozen=True)
class Task:
    """One kernel at one shape: the same work done three ways.

    Attributes:
        kernel: which, and where its shape comes from.
        direction: forward, or the gradient of what.
        sides: what is timed, by library; each call returns its result.
        multiply_adds: the work, or 0 where memory decides and not arithmetic.
    """

    kernel: str
    direction: str
    sides: dict[str, Call]
    multiply_adds: int = 0


def draw(*shape: int) -> np.ndarray:
    """Random float32 numbers."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def convolution(
    name: str, N: int, C: int, O: int, H: int, k: int, s: int, p: int, groups: int
) -> Iterator[Task]:
    """Forward, input gradient and weight gradient of a convolution."""
    x, w = draw(N, C, H, H), draw(O, C // groups, k, k)
    options: tuple[Any, ...] = ((s, s), (p, p, p, p), (1, 1))
    if groups == C > 1:
        family, kind = active().depthwise, "depthwise"
    else:
        family, kind, options = active().conv, "conv2d", (*options, groups)
    forward, by_input, by_weight = (
        getattr(family, f"{kind}_{what}")
        for what in ("forward", "input_gradient", "weight_gradient")
    )
    g = draw(*forward(x, w, None, *options).shape)
    work = g.size * (C // groups) * k * k

    def torch_side(layout: Any, mask: list[bool] | None) -> Call:
        tx, tg = (torch.from_numpy(a).to(memory_format=layout) for a in (x, g))
        tw = torch.from_numpy(w).to(memory_format=layout)
        if mask is None:
            return lambda: torch.nn.functional.conv2d(tx, tw, None, s, p, 1, groups)
        place = mask.index(True)
        return lambda: torch.ops.aten.convolution_backward(
            tg, tx, tw, None, [s, s], [p, p], [1, 1], False, [0, 0], groups, mask
        )[place]

    ours: dict[str, tuple[Call, list[bool] | None]] = {
        "forward": (lambda: forward(x, w, None, *options), None),
        "input gradient": (lambda: by_input(g, w, x.shape, *options), [True, False, False]),
        "weight gradient": (lambda: by_weight(g, x, w.shape, *options), [False, True, False]),
    }
    for direction, (call, mask) in ours.items():
        if direction == "input gradient" and C in (1, 3):
            continue  # the first layer: nobody asks for the gradient of the images
        sides = {
            "minidl": call,
            "PyTorch": torch_side(torch.contiguous_format, mask),
            "channels_last": torch_side(torch.channels_last, mask),
        }
        yield Task(f"conv {name}", direction, sides, work)


def norm(name: str, N: int, C: int, H: int) -> Iterator[Task]:
    """Batch norm + ReLU in training; PyTorch runs the two one after the other."""
    x, g, gamma, beta = draw(N, C, H, H), draw(N, C, H, H), draw(C), draw(C)
    flat = x.reshape(N, C, -1)
    _, mean, var = active().fused.batch_norm_relu_forward([flat], gamma, beta, None, 1e-5)

    def torch_side(layout: Any, backward: bool) -> Call:
        tx, tg = (torch.from_numpy(a).to(memory_format=layout) for a in (x, g))
        tx.requires_grad_(backward)
        weight, bias = (torch.from_numpy(a).requires_grad_(backward) for a in (gamma, beta))

        def forward() -> torch.Tensor:
            normed = torch.nn.functional.batch_norm(tx, None, None, weight, bias, True)
            return torch.relu(normed)

        if not backward:
            return forward
        output = forward()
        return lambda: torch.autograd.grad(output, (tx, weight, bias), tg, retain_graph=True)[0]

    calls: dict[str, Call] = {
        "forward": lambda: (
            active()
            .fused.batch_norm_relu_forward([flat], gamma, beta, None, 1e-5)[0]
            .reshape(x.shape)
        ),
        "backward": lambda: (
            active()
            .fused.batch_norm_relu_backward(
                g.reshape(flat.shape), [flat], gamma, beta, mean, var, None, 1e-5, True
            )[0][0]
            .reshape(x.shape)
        ),
    }
    for direction, call in calls.items():
        sides = {
            "minidl": call,
            "PyTorch": torch_side(torch.contiguous_format, direction == "backward"),
            "channels_last": torch_side(torch.channels_last, direction == "backward"),
        }
        yield Task(f"norm+relu {name}", direction, sides)


def pooling(name: str, N: int, C: int, H: int) -> Iterator[Task]:
    """2×2 max and average pooling."""
    x, g = draw(N, C, H, H), draw(N, C, H // 2, H // 2)
    window = (2, 2), (2, 2), (0, 0, 0, 0)
    size = (H // 2, H // 2)
    pool = active().pool
    position = pool.max_pool2d_forward(x, *window, (1, 1), size)[1]
    calls: dict[str, dict[str, Call]] = {
        "max": {
            "forward": lambda: pool.max_pool2d_forward(x, *window, (1, 1), size)[0],
            "backward": lambda: pool.max_pool2d_backward(g, position, x.shape),
        },
        "average": {
            "forward": lambda: pool.avg_pool2d_forward(x, *window, True, size),
            "backward": lambda: pool.avg_pool2d_backward(g, x.shape, *window, True),
        },
    }

    def torch_side(kind: str, layout: Any, backward: bool) -> Call:
        functions = torch.nn.functional
        function = functions.max_pool2d if kind == "max" else functions.avg_pool2d
        tx, tg = (torch.from_numpy(a).to(memory_format=layout) for a in (x, g))
        if not backward:
            return lambda: function(tx, 2)
        output = function(tx.requires_grad_(), 2)
        return lambda: torch.autograd.grad(output, tx, tg, retain_graph=True)[0]

    for kind, directions in calls.items():
        for direction, call in directions.items():
            backward = direction == "backward"
            sides = {
                "minidl": call,
                "PyTorch": torch_side(kind, torch.contiguous_format, backward),
                "channels_last": torch_side(kind, torch.channels_last, backward),
            }
            yield Task(f"pool {kind} {name}", direction, sides)


def measure(task: Task, turns: int) -> dict[str, list[float]]:
    """The milliseconds of each side, taken in turns, after their results were compared."""
    results = {side: np.asarray(call()) for side, call in task.sides.items()}
    size = np.linalg.norm(results["minidl"])
    for side, result in results.items():
        # As a whole, not pixel by pixel: a number near ReLU's kink may fall on either side of it.
        difference = np.linalg.norm(result - results["minidl"])
        assert difference < 1e-2 * size, f"{task.kernel}, {task.direction}: {side}"
    times: dict[str, list[float]] = {side: [] for side in task.sides}
    for side, milliseconds in take_turns(task.sides, turns, block=0.0):
        times[side].append(milliseconds)
    return times


def row_of(task: Task, run: int, turns: int) -> record.Row:
    """Measure one task: a row of the table."""
    neighbours = Neighbours()
    times = measure(task, turns)
    ms = {side: statistics.median(series) for side, series in times.items()}
    rate = round(2 * task.multiply_adds / ms["minidl"] / 1e6) if task.multiply_adds else ""
    row: record.Row = {
        "kernel": task.kernel,
        "direction": task.direction,
        "run": run,
        "minidl, ms": round(ms["minidl"], 3),
        "GFLOP/s": rate,
    }
    for side in ("PyTorch", "channels_last"):
        row[f"{side}, ms"] = round(ms[side], 3)
        row[f"{side}: fastest"] = round(min(times[side]), 3)
        row[f"{side}: slowest"] = round(max(times[side]), 3)
        row[f"{side}: speed"] = round(ms[side] / ms["minidl"], 3)
    return row | {"others, %": neighbours.percent()}


def picture(folder: Path, rows: list[record.Row]) -> None:
    """Draw folder/ops.png: a row for a kernel and shape, a column for each direction."""
    kernels = list(dict.fromkeys(row["kernel"] for row in rows))
    panels = {
        "forward": ["forward"],
        "input gradient (of norm and pool: backward)": ["input gradient", "backward"],
        "weight gradient": ["weight gradient"],
    }
    figure = Figure(figsize=(11, 1.3 + 0.27 * len(kernels)), layout="constrained")
    columns = figure.subplots(1, len(panels), sharey=True, sharex=True)
    for axes, (title, directions) in zip(columns, panels.items(), strict=True):
        for side, colour in {"PyTorch": record.BLUE, "channels_last": record.ORANGE}.items():
            for place, kernel in enumerate(kernels):
                speeds = [
                    float(row[f"{side}: speed"])
                    for row in rows
                    if row["kernel"] == kernel and row["direction"] in directions
                ]
                if speeds:
                    axes.plot([min(speeds), max(speeds)], [place, place], color=colour, alpha=0.5)
                    axes.plot(statistics.median(speeds), place, "o", color=colour)
        axes.axvline(1, color="black", linewidth=1.2, linestyle="--")
        axes.set_title(title, fontsize=10)
        axes.grid(axis="y", alpha=0.3)
        axes.margins(y=0.02)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda speed, _: f"{speed:g}")
    columns[0].set_yticks(range(len(kernels)), kernels, fontsize=8)
    columns[0].invert_yaxis()  # the first kernel on top; the axis is shared
    for label, colour in {"default layout": record.BLUE, "channels_last": record.ORANGE}.items():
        columns[0].plot([], [], "o", color=colour, label=f"beside PyTorch, {label}")
    figure.legend(loc="outside upper right", ncols=2, fontsize=9, frameon=False)
    figure.supxlabel("PyTorch's time ÷ minidl's (right of the line minidl is faster)", fontsize=9)
    figure.savefig(folder / "ops.png", dpi=130)


def main() -> None:
    """Read the command line, measure, show and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[""], help="how the names of kernels begin")
    parser.add_argument("--turns", type=int, default=15, help="how often each side is timed")
    parser.add_argument("--runs", type=int, default=1, help="how often all is measured anew")
    parser.add_argument("--threads", type=int, default=minidl.num_threads())
    parser.add_argument("--out", type=Path, default=record.RESULTS, help="folder for the results")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    minidl.set_num_threads(arguments.threads)

    tasks = [
        task
        for family, shapes in ((convolution, CONVOLUTIONS), (norm, NORMS), (pooling, POOLS))
        for name, shape in shapes
        for task in family(name, *shape)
    ]
    chosen = [task for task in tasks if task.kernel.startswith(tuple(arguments.names))]
    rows = [
        row_of(task, run, arguments.turns)
        for run in range(1, arguments.runs + 1)
        for task in track(chosen, f"run {run}", transient=True)
    ]
    order = list(dict.fromkeys(task.kernel for task in tasks))
    rows.sort(key=lambda row: order.index(row["kernel"]))
    hidden = ("fastest", "slowest")
    shown = [{k: v for k, v in row.items() if not k.endswith(hidden)} for row in rows]
    caption = "speed: PyTorch's time divided by minidl's; above 1 minidl is faster"
    record.show(f"kernels, median of {arguments.turns} turns", caption, shown, "kernel")
    picture(arguments.out, record.save(arguments.out, "ops", rows, order, "kernel"))


if __name__ == "__main__":
    main()
