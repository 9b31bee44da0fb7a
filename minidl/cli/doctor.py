"""What `minidl doctor` finds on this computer."""

import os
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import minidl_kernels
import numpy as np
from minidl_kernels import active, available
from minidl_kernels.threads import num_threads

from minidl.data import DATASETS, DataFileError, DataNotFoundError, Dataset
from minidl.data.download import cache_folder
from minidl.data.files import ENVIRONMENT_VARIABLE


def diagnosis() -> Iterator[tuple[str, str]]:
    """Yield (what, value): versions, kernels, threads, folders, datasets."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    yield "minidl", _version("minidl") or "not installed, runs from its source"
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    yield "NumPy", f"{np.__version__}, BLAS: {blas['name']} {blas['version']}"
    yield "Numba", _version("numba") or "not installed, the numpy kernels serve"
    kernels = active().name
    yield "kernels", f"{kernels} (of {', '.join(available())}; variable MINIDL_KERNELS)"
    yield "threads", f"{num_threads()} (of {os.cpu_count()} processors)"
    beside = Path(minidl_kernels.__file__).parent / "numba" / "__pycache__"
    yield "compiled kernels", f"{os.environ.get('NUMBA_CACHE_DIR', beside)} (NUMBA_CACHE_DIR)"
    named = os.environ.get(ENVIRONMENT_VARIABLE, "not set")
    yield "data folder", f"{named} (variable {ENVIRONMENT_VARIABLE})"
    there = "" if cache_folder().is_dir() else " (not there yet)"
    yield "downloaded data", f"{cache_folder()}{there}"
    for name, load in DATASETS.items():
        yield f"data: {name}", _availability(load)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _availability(load: Callable[..., Dataset]) -> str:
    try:
        return f"ready, {len(load(split='test', download=False)):,} test images read"
    except DataNotFoundError:
        return "not here; downloaded when first used"
    except DataFileError as error:
        return str(error)
