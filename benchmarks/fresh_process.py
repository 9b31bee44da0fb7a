"""What only a process of its own can tell: how long the first step takes, how much memory a step.

    python benchmarks/fresh_process.py start minidl_side resnet20 minidl
    python benchmarks/fresh_process.py memory torch_side resnet20 channels_last

Prints a JSON object. train_step.py runs it, once for each side, so that minidl's process holds no
PyTorch. What is imported when is part of the measurement; hence `import_module`.
"""

import gc
import json
import sys
import time
from importlib import import_module
from pathlib import Path

FEW = 2  # images in a step that loads or compiles what is needed and takes hardly any memory


def start(side: str, name: str, label: str) -> dict[str, float]:
    """Seconds that importing minidl takes after NumPy, and seconds of the first training step."""
    import_module("numpy")
    begin = time.perf_counter()
    import_module("minidl")
    imported = time.perf_counter() - begin
    network = import_module("networks").NETWORKS[name]
    step = import_module(side).training(network, network.batch)[label]
    begin = time.perf_counter()
    step()
    return {"import": imported, "first step": time.perf_counter() - begin}


def memory(side: str, name: str, label: str) -> dict[str, float]:
    """Megabytes of the process before a training step, and how many more it needs at its peak.

    Before means: everything is imported, the network and its images exist, and a step with two
    images has been taken, so that the libraries have loaded what they need.
    """
    network = import_module("networks").NETWORKS[name]
    training = import_module(side).training
    training(network, FEW)[label]()
    step = training(network, network.batch)[label]
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    before = _megabytes("VmRSS")
    step()
    step()
    return {"process": before, "step": _megabytes("VmHWM") - before}


def _megabytes(field: str) -> float:
    """A line of Linux's report on this process: VmRSS is its memory now, VmHWM its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith(field))


if __name__ == "__main__":
    what, *which = sys.argv[1:]
    print(json.dumps({"start": start, "memory": memory}[what](*which)))
