"""Time minidl beside PyTorch: training steps, inference, memory, threads, the first step.

    pip install -e ".[bench]"
    python benchmarks/train_step.py                            # a training step of all networks
    python benchmarks/train_step.py resnet20 lenet5 --turns 15
    python benchmarks/train_step.py --inference                # evaluation mode, 1 and 128 images
    python benchmarks/train_step.py --memory                   # peak memory of a step (Linux)
    python benchmarks/train_step.py --threads                  # one thread and all of them
    python benchmarks/train_step.py --compile                  # the first step after installing

A training step is forward, backward and SGD with momentum and weight decay, in float32, on the same
weights and the same images, with the same number of threads (MINIDL_NUM_THREADS). PyTorch runs
eagerly, in its default layout and in channels_last, which is its fastest. Before timing, each side
takes two steps, and the losses must agree: a wrong step is not timed. All sides alternate in one
process; each turn begins with a step that is not timed, because PyTorch's threads hold the cores
for milliseconds after they are done (`turns.py`). Memory and first steps are measured in fresh
processes, of which minidl's hold no PyTorch.

Everything is also written to `benchmarks/results/`, with the machine and the versions.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minidl_side
import numpy as np
import record
import torch_side
from neighbours import LIMIT, Neighbours
from networks import NETWORKS, Network
from record import Row
from rich.progress import Progress
from turns import take_turns

import minidl

SIDES = {"minidl": "minidl_side", **dict.fromkeys(torch_side.LAYOUTS, "torch_side")}
SPEED = "speed: PyTorch's time divided by minidl's; above 1 minidl is faster"


@dataclass(frozen=True)
class Measure:
    """What to measure and how often.

    Attributes:
        networks: which.
        turns: how often each side is timed.
        runs: how often all of it is done anew.
        folder: where to keep the results.
    """

    networks: list[Network]
    turns: int
    runs: int
    folder: Path


class Watch:
    """A progress bar that moves between measurements only: a thread of its own would disturb them.

    Args:
        steps: how many there will be.
    """

    def __init__(self, steps: int) -> None:
        self.progress = Progress(transient=True, auto_refresh=False)
        self.task = self.progress.add_task("", total=steps)

    def __enter__(self) -> Callable[[str], None]:
        self.progress.start()
        return self.step

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def step(self, doing: str) -> None:
        """One more is done; `doing` says of what."""
        self.progress.update(self.task, advance=1, description=doing, refresh=True)


def alternate(
    sides: Mapping[str, Callable[[], Any]], turns: int, done: Callable[[str], None], what: str
) -> dict[str, list[float]]:
    """Milliseconds of every turn, by side, after two calls each whose results must agree."""
    results = {side: [np.asarray(call()), np.asarray(call())] for side, call in sides.items()}
    first = next(iter(results.values()))
    for side, found in results.items():
        for mine, other in zip(first, found, strict=True):
            largest = float(np.abs(mine).max())
            np.testing.assert_allclose(other, mine, rtol=1e-2, atol=1e-2 * largest, err_msg=side)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for side, milliseconds in take_turns(sides, turns):
        times[side].append(milliseconds)
        done(what)
    return times


def beside_pytorch(
    kind: str, title: str, batches: list[tuple[Network, int]], measure: Measure
) -> None:
    """Time one kind of call, "training" or "inference", of minidl and of PyTorch."""
    rows: list[Row] = []
    with Watch(measure.runs * len(batches) * measure.turns * len(SIDES)) as done:
        for network, images in batches:
            for run in range(1, measure.runs + 1):
                ours, theirs = (getattr(side, kind) for side in (minidl_side, torch_side))
                sides = {**ours(network, images), **theirs(network, images)}
                neighbours = Neighbours()
                times = alternate(sides, measure.turns, done, network.name)
                others = neighbours.percent()
                medians = {side: statistics.median(series) for side, series in times.items()}
                rows += (
                    {
                        "network": network.name,
                        "images": images,
                        "run": run,
                        "side": side,
                        "ms": round(medians[side], 3),
                        "fastest": round(min(series), 3),
                        "slowest": round(max(series), 3),
                        "images/s": round(1000 * images / medians[side]),
                        "speed": round(medians[side] / medians["minidl"], 3),
                        "others, %": others,
                    }
                    for side, series in times.items()
                )
    record.show(title, f"median of {measure.turns} turns; {SPEED}", rows)
    warn_of_others(rows)
    together = record.save(measure.folder, kind, rows, list(NETWORKS))
    threads = f"{minidl.num_threads()} threads, {record.machine()['processor']}"
    record.picture(measure.folder, kind, f"{title}\n{threads}", together)


def warn_of_others(rows: list[Row]) -> None:
    """Say so if other processes computed while we measured."""
    if max(row["others, %"] for row in rows) > LIMIT:
        print("Other processes were busy (last column): do not trust these times.")


def training(measure: Measure) -> None:
    """A training step of each network, minidl beside PyTorch (the default)."""
    batches = [(network, network.batch) for network in measure.networks]
    beside_pytorch("training", "Training step", batches, measure)


def inference(measure: Measure) -> None:
    """Evaluation mode without gradients, for one image and for 128."""
    batches = [(network, images) for network in measure.networks for images in (1, 128)]
    beside_pytorch("inference", "Inference", batches, measure)


def threads(measure: Measure) -> None:
    """minidl's training step on one thread and on all."""
    rows: list[Row] = []
    most = minidl.num_threads()

    def on(count: int, step: Callable[[], float]) -> Callable[[], float]:
        def call() -> float:
            minidl.set_num_threads(count)
            return step()

        return call

    with Watch(measure.runs * len(measure.networks) * measure.turns * 2) as done:
        for network in measure.networks:
            for run in range(1, measure.runs + 1):
                sides = {
                    str(count): on(count, minidl_side.training(network, network.batch)["minidl"])
                    for count in (1, most)
                }
                neighbours = Neighbours()
                times = alternate(sides, measure.turns, done, network.name)
                others = neighbours.percent()
                one, all_ = (statistics.median(series) for series in times.values())
                rows.append(
                    {
                        "network": network.name,
                        "images": network.batch,
                        "run": run,
                        "one thread, ms": round(one, 3),
                        f"{most} threads, ms": round(all_, 3),
                        "times as fast": round(one / all_, 3),
                        "others, %": others,
                    }
                )
    record.show("threads", f"median of {measure.turns} turns", rows)
    warn_of_others(rows)
    record.save(measure.folder, "threads", rows, list(NETWORKS))


def memory(measure: Measure) -> None:
    """The memory that a training step needs at its peak, over the process before the step."""
    rows: list[Row] = []
    with Watch(measure.runs * len(measure.networks) * len(SIDES)) as done:
        for network in measure.networks:
            for run in range(1, measure.runs + 1):
                found = {}
                for side, module in SIDES.items():
                    found[side] = _fresh("memory", module, network.name, side)
                    done(network.name)
                for side, megabytes in found.items():
                    rows.append(
                        {
                            "network": network.name,
                            "images": network.batch,
                            "run": run,
                            "side": side,
                            "process, MB": round(megabytes["process"], 1),
                            "step, MB": round(megabytes["step"], 1),
                            "PyTorch ÷ minidl": round(
                                megabytes["step"] / found["minidl"]["step"], 3
                            ),
                        }
                    )
    record.show("memory of a training step at its peak", "each side in a process of its own", rows)
    record.save(measure.folder, "memory", rows, list(NETWORKS))


def first_step(measure: Measure) -> None:
    """Seconds of the first step with no compiled kernels on disk, and with all of them."""
    rows: list[Row] = []
    with Watch(measure.runs * len(measure.networks) * 2) as done:
        for network in measure.networks:
            for run in range(1, measure.runs + 1):
                with tempfile.TemporaryDirectory() as folder:
                    for cache in ("empty", "warm"):
                        seconds = _fresh(
                            "start", "minidl_side", network.name, "minidl", NUMBA_CACHE_DIR=folder
                        )
                        done(network.name)
                        rows.append(
                            {
                                "network": network.name,
                                "images": network.batch,
                                "run": run,
                                "compiled kernels": cache,
                                "import over NumPy, s": round(seconds["import"], 3),
                                "first step, s": round(seconds["first step"], 3),
                            }
                        )
    record.show("the first step of a process", "", rows)
    record.save(measure.folder, "first_step", rows, list(NETWORKS))


def _fresh(*what: str, **environment: str) -> dict[str, float]:
    """What fresh_process.py prints, run in a process of its own."""
    script = Path(__file__).with_name("fresh_process.py")
    ran = subprocess.run(
        [sys.executable, str(script), *what],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if ran.returncode != 0:
        raise SystemExit(f"fresh_process.py {' '.join(what)} failed:\n{ran.stderr}")
    return json.loads(ran.stdout)


TABLES = {
    "inference": inference,
    "memory": memory,
    "threads": threads,
    "compile": first_step,
}


def main() -> None:
    """Read the command line and measure one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", help=", ".join(NETWORKS))
    parser.add_argument("--turns", type=int, default=9, help="how often each side is timed")
    parser.add_argument("--runs", type=int, default=1, help="how often all is measured anew")
    parser.add_argument("--out", type=Path, default=record.RESULTS, help="folder for the results")
    choice = parser.add_mutually_exclusive_group()
    for name, table in TABLES.items():
        choice.add_argument(
            f"--{name}",
            dest="table",
            action="store_const",
            const=table,
            default=training,
            help=table.__doc__,
        )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"no network {', '.join(unknown)}; choose from {', '.join(NETWORKS)}")
    networks = [NETWORKS[name] for name in arguments.networks or NETWORKS]
    arguments.table(Measure(networks, arguments.turns, arguments.runs, arguments.out))


if __name__ == "__main__":
    main()
