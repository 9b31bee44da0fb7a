"""Climb from seven naive loops to the final kernel, and time each step. Needs no PyTorch.

    python benchmarks/convolution_ladder.py
    python benchmarks/convolution_ladder.py --channels 64 --size 8

One convolution all the way: 3×3 filters, stride 1, padding 1, as many outputs as inputs, float32.
Every step computes the same sum and is compared with the definition before it is timed; then it is
repeated for about a second, and the median counts. GFLOP/s are the multiplications and additions of
the definition, divided by the time: a step that finds a way to do fewer of them scores higher.

`kernels/README.md` is the tour that goes with the numbers. Table and picture are written to
benchmarks/results/convolution_ladder.csv and .png.
"""

import argparse
import csv
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numba
import numpy as np
from llvmlite import binding as llvm
from matplotlib.figure import Figure
from minidl_kernels.naive import conv as naive
from minidl_kernels.numba import conv, tile, vector, winograd
from minidl_kernels.numba.jit import jit
from minidl_kernels.numpy import conv as with_blas
from minidl_kernels.threads import available_cores, set_num_threads
from rich.console import Console
from rich.progress import track
from rich.table import Table

from minidl.viz.style import BLUE, GREY, INK, ORANGE, TICK, dress, figure

Array = np.ndarray

RESULTS = Path(__file__).resolve().parent / "results"
WINDOW = (1, 1), (1, 1, 1, 1), (1, 1), 1  # stride, padding, dilation, groups


@dataclass(frozen=True)
class Problem:
    """The convolution: `images` pictures of size × size, `channels` inputs and outputs."""

    images: int = 1
    channels: int = 32
    size: int = 16

    @property
    def operations(self) -> int:
        """Multiplications and additions of the definition, for one image."""
        return 2 * 9 * self.channels**2 * self.size**2


@dataclass(frozen=True)
class Step:
    """A rung of the ladder.

    Attributes:
        name: what is new.
        why: what it gains over the step before, and what it costs.
        run: from x (N, C, H, W) and w (O, C, 3, 3) to y (N, O, H, W).
        images: as many as keep it busy for a while, and not longer.
        threads: how many.
        vectors: whether numba/vector.py must work (True), must be off (False), or is not used.
    """

    name: str
    why: str
    run: Callable[[Array, Array], Array]
    images: int = 128
    threads: int = 1
    vectors: bool | None = None


@jit
def seven_loops(x: Array, w: Array) -> Array:
    """The definition word for word: sum up one output after the other."""
    N, C, H, W = x.shape
    O = len(w)
    y = np.zeros((N, O, H, W), x.dtype)
    for n in range(N):
        for o in range(O):
            for i in range(H):
                for j in range(W):
                    for c in range(C):
                        for u in range(3):
                            for v in range(3):
                                h, k = i + u - 1, j + v - 1
                                if 0 <= h < H and 0 <= k < W:
                                    y[n, o, i, j] += w[o, c, u, v] * x[n, c, h, k]
    return y


@jit
def turned_loops(x: Array, w: Array) -> Array:
    """Positions innermost: a tap adds the whole picture, shifted and scaled, to the sums."""
    N, C, H, W = x.shape
    O, L = len(w), H * (W + 2)
    y = np.empty((N, O, H, W), x.dtype)
    padded, sums = np.zeros((C, (H + 2) * (W + 2) + 2), x.dtype), np.empty((1, L), x.dtype)
    for n in range(N):
        pad_image(x[n], padded)
        for o in range(O):
            s0 = sums[0]
            s0[:] = 0
            for c in range(C):
                for u in range(3):
                    for v in range(3):
                        weight, row = w[o, c, u, v], padded[c, u * (W + 2) + v :][:L]
                        for l in range(L):
                            s0[l] += weight * row[l]
            crop(sums, y[n, o : o + 1])
    return y


@jit
def turned_blocks(x: Array, w: Array) -> Array:
    """The same, three taps and four outputs (of a multiple of four) in each pass."""
    N, C, H, W = x.shape
    O, L = len(w), H * (W + 2)
    y = np.empty((N, O, H, W), x.dtype)
    padded, sums = np.zeros((C, (H + 2) * (W + 2) + 2), x.dtype), np.empty((4, L), x.dtype)
    for n in range(N):
        pad_image(x[n], padded)
        for o in range(0, O, 4):
            sums[:] = 0
            s0, s1, s2, s3 = sums[0], sums[1], sums[2], sums[3]
            for c in range(C):
                for u in range(3):
                    at, w0, w1 = u * (W + 2), w[o, c, u], w[o + 1, c, u]
                    w2, w3 = w[o + 2, c, u], w[o + 3, c, u]
                    x0, x1, x2 = (
                        padded[c, at:][:L],
                        padded[c, at + 1 :][:L],
                        padded[c, at + 2 :][:L],
                    )
                    for l in range(L):
                        a, b, d = x0[l], x1[l], x2[l]
                        s0[l] += w0[0] * a + w0[1] * b + w0[2] * d
                        s1[l] += w1[0] * a + w1[1] * b + w1[2] * d
                        s2[l] += w2[0] * a + w2[1] * b + w2[2] * d
                        s3[l] += w3[0] * a + w3[1] * b + w3[2] * d
            crop(sums, y[n, o : o + 4])
    return y


@jit
def pad_image(x: Array, padded: Array) -> None:
    """Copy x (C, H, W) into rows of W + 2 numbers, inside a border of zeros that is there."""
    C, H, W = x.shape
    for c in range(C):
        for h in range(H):
            padded[c, (h + 1) * (W + 2) + 1 :][:W] = x[c, h]


@jit
def crop(sums: Array, y: Array) -> None:
    """Copy y (outputs, H, W) from rows of W + 2 numbers."""
    O, H, W = y.shape
    for o in range(O):
        for i in range(H):
            y[o, i] = sums[o, i * (W + 2) :][:W]


def as_shipped(x: Array, w: Array) -> Array:
    """The kernel that layers call, whatever way it takes."""
    return conv.conv2d_forward(x, w, None, *WINDOW)


def without_winograd(x: Array, w: Array) -> Array:
    """The same, where a filter gives Winograd's algorithm no opening."""
    with patch.object(winograd, "suits", return_value=False):
        return conv.conv2d_forward(x, w, None, *WINDOW)


STEPS = (
    Step(
        "seven Python loops",
        "the definition; every product waits for the interpreter",
        lambda x, w: naive.conv2d_forward(x, w, None, *WINDOW),
        images=1,
    ),
    Step("the same, compiled", "no interpreter: a few instructions a product", seven_loops, 16),
    Step(
        "positions innermost",
        "long straight loops become vector instructions",
        turned_loops,
        images=64,
    ),
    Step(
        "im2col + BLAS",
        "one matrix product, by experts; the price is nine copies of each pixel",
        lambda x, w: with_blas.conv2d_forward(x, w, None, *WINDOW),
    ),
    Step(
        "3 taps × 4 outputs",
        "no copies; 7 loads and 4 stores serve 12 products, before 2 and 1 one",
        turned_blocks,
    ),
    Step(
        "packed strips, 6 taps",
        "any filter, stride and size, in shares for threads; that costs speed",
        without_winograd,
        vectors=False,
    ),
    Step(
        "24 vectors of sums",
        "sums stay in registers until all taps are added",
        without_winograd,
        vectors=True,
    ),
    Step("Winograd", "16 products where the definition has 36", as_shipped, vectors=True),
    Step(
        f"{available_cores()} threads",
        "every core does its share of the strips",
        as_shipped,
        threads=available_cores(),
    ),
)


@cache
def data(problem: Problem) -> tuple[Array, Array, Array]:
    """Random x and w in float32, and y by the definition in float64."""
    rng = np.random.default_rng(0)
    C, H = problem.channels, problem.size
    x = rng.standard_normal((problem.images, C, H, H), np.float32)
    w = rng.standard_normal((C, C, 3, 3), np.float32)
    return x, w, seven_loops(x.astype(np.float64), w.astype(np.float64))


def time_here(step: Step, problem: Problem, at_least: float = 1.0) -> float:
    """Seconds for an image: the median of calls during a second, after the first was checked."""
    x, w, expected = data(problem)
    set_num_threads(step.threads)
    np.testing.assert_allclose(step.run(x, w), expected, rtol=1e-4, atol=1e-4, err_msg=step.name)
    times: list[float] = []
    while len(times) < 3 or sum(times) < at_least:
        start = time.perf_counter()
        step.run(x, w)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / problem.images


def time_without_vectors(step: Step, problem: Problem) -> float:
    """The same in a process that compiles its kernels anew, without vector.py."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {"MINIDL_VECTORS": "0", "NUMBA_CACHE_DIR": folder}
        sizes = [str(problem.images), str(problem.channels), str(problem.size)]
        run = subprocess.run(
            [sys.executable, __file__, "--alone", str(STEPS.index(step)), *sizes],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return float(run.stdout)


def steps() -> list[Step]:
    """Those that this processor can run."""
    return [step for step in STEPS if vector.WIDE or step.vectors is not True]


def peak() -> float | None:
    """GFLOP/s of one core at most: the innermost product alone, with numbers from the first cache.

    None where there are no vectors to ask it of.
    """
    if not vector.WIDE:
        return None
    numbers = np.zeros(96 * 32, np.float32)
    many_products(numbers, 1)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        many_products(numbers, 10_000)
        seconds.append(time.perf_counter() - start)
    return 2 * 4 * 96 * 32 * 10_000 / min(seconds) / 1e9


@jit
def many_products(numbers: Array, times: int) -> None:
    """4 rows of 32 weights with 96 columns, over and over."""
    sums = np.empty(4 * 96, numbers.dtype)
    for _ in range(times):
        tile.product(sums, 0, False, numbers, 0, numbers, 0, 32)


def machine() -> str:
    """Processor and versions, in one line."""
    return (
        f"{llvm.get_host_cpu_name()}, {available_cores()} cores, {platform.system()}; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}"
    )


def three_digits(number: float) -> str:
    """0.00123, 1.23, 12.3, 1230: what a measurement is good for."""
    return f"{number:.{max(0, 2 - math.floor(math.log10(number)))}f}"


def draw(rows: list[dict[str, str]], title: str, limit: float | None) -> Figure:
    """Logarithmic bars, the first step on top."""
    fig = figure(width=8.0, height=0.42 * len(rows) + 1.6)
    ax = fig.add_subplot()
    speeds = [float(row["GFLOP/s"]) for row in rows]
    ax.barh([row["step"] for row in rows], speeds, color=BLUE)
    if limit:
        ax.axvline(limit, color=ORANGE, linestyle="--", linewidth=1.2)
        says = f"one core's peak: {limit:.0f} "
        ax.text(limit, -0.75, says, ha="right", va="center", fontsize=TICK, color=ORANGE)
    for place, (row, speed) in enumerate(zip(rows, speeds, strict=True)):
        says = row["GFLOP/s"] + (f"  (× {row['speed-up']})" if row["speed-up"] else "")
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(speed * 1.15, place, says, va="center", fontsize=TICK, color=INK, bbox=paper)
    dress(ax, title, "GFLOP/s, counted as the definition's; logarithmic")
    ax.set(xscale="log", xlim=(min(speeds) / 2, max(speeds) * 12), ylim=(len(rows) - 0.4, -1.1))
    ax.grid(False, axis="y")
    fig.supxlabel(f"{machine()}. In brackets: over the step before.", fontsize=TICK - 2, color=GREY)
    return fig


def climb(problem: Problem, out: Path) -> None:
    """Time all steps, print the table, write the files."""
    C, H = problem.channels, problem.size
    title = f"3×3 convolution, {C} → {C} channels, {H}×{H} pixels"
    rows: list[dict[str, str]] = []
    before = None
    for step in track(steps(), "climbing", transient=True):
        measure = time_without_vectors if step.vectors is False else time_here
        seconds = measure(step, replace(problem, images=step.images))
        rows.append(
            {
                "step": step.name,
                "ms an image": three_digits(1000 * seconds),
                "GFLOP/s": three_digits(problem.operations / seconds / 1e9),
                "speed-up": three_digits(before / seconds) if before else "",
                "why": step.why,
            }
        )
        before = seconds
    limit = peak()

    caption = f"{machine()}. Speed-up: over the step before."
    if limit:
        caption += f" A core makes {limit:.0f} GFLOP/s at most."
    table = Table(title=title, caption=caption)
    for column in rows[0]:
        table.add_column(column, justify="left" if column in ("step", "why") else "right")
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)

    out.mkdir(parents=True, exist_ok=True)
    with (out / "convolution_ladder.csv").open("w", newline="", encoding="utf-8") as file:
        constant = {
            "convolution": title,
            "peak GFLOP/s of one core": f"{limit:.0f}" if limit else "",
            "machine": machine(),
        }
        writer = csv.DictWriter(file, [*rows[0], *constant], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | constant for row in rows)
    draw(rows, title, limit).savefig(out / "convolution_ladder.png")


def main() -> None:
    """Read the command line and climb; or time one step, for the process that wants to know."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=32, help="a multiple of 4")
    parser.add_argument("--size", type=int, default=16, help="pixels in a row, and rows")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for table and picture")
    parser.add_argument("--alone", type=int, nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        step, *sizes = arguments.alone
        print(time_here(STEPS[step], Problem(*sizes)))
    else:
        climb(Problem(channels=arguments.channels, size=arguments.size), arguments.out)


if __name__ == "__main__":
    main()
