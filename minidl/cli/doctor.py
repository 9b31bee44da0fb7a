"""What `minidl doctor` finds on this computer."""

import os
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from minidl_kernels import active, available
from minidl_kernels.threads import available_cores, num_threads
from threadpoolctl import threadpool_info

from minidl.data import DATASETS, DataFileError, DataNotFoundError, Dataset
from minidl.data.download import cache_folder
from minidl.data.files import ENVIRONMENT_VARIABLE


def diagnosis() -> Iterator[tuple[str, str]]:
    """Yield (what, value): versions, kernels, threads, BLAS, folders, datasets."""
    yield "minidl", _version("minidl") or "not installed, runs from its source"
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    yield "NumPy", np.__version__
    yield "Numba", _version("numba") or "not installed, the numpy kernels serve"
    yield "llvmlite", _version("llvmlite") or "not installed; it comes with Numba"
    kernels = active().name
    yield "kernels", f"{kernels} (of {', '.join(available())}; {_variable('MINIDL_KERNELS')})"
    if kernels == "numba":
        yield "vectors", _vectors()
        yield "compiled kernels", _compiled()
    yield "threads", f"{num_threads()}, from {_origin_of_threads()}"
    yield "threading layer", "none: Python's own threads run the kernels without its lock"
    yield "BLAS", _blas()
    yield "data folder", _variable(ENVIRONMENT_VARIABLE)
    there = "" if cache_folder().is_dir() else " (not there yet)"
    yield "downloaded data", f"{cache_folder()}{there}"
    for name, load in DATASETS.items():
        yield f"data: {name}", _availability(load)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _variable(name: str) -> str:
    value = os.environ.get(name)
    return f"{name}={value}" if value else f"{name} is not set"


def _vectors() -> str:
    """Which of its two paths the compiled kernels take here, and why."""
    if active().vector.WIDE:
        return "16 numbers wide, held in the registers of AVX-512; MINIDL_VECTORS=0 for plain loops"
    if not _compiled_functions():
        return "none: NUMBA_DISABLE_JIT is set, the kernels run in Python"
    if os.environ.get("MINIDL_VECTORS") == "0":
        return "plain loops, as MINIDL_VECTORS=0 says"
    return f"plain loops: this processor ({platform.machine()}) has no AVX-512"


def _compiled_functions() -> list[Any]:
    """Some kernels as Numba's objects; none if it is told not to compile."""
    return [kernel for kernel in vars(active().relu).values() if hasattr(kernel, "stats")]


def _compiled() -> str:
    """The folder where Numba keeps compiled kernels; a kernel itself knows it."""
    kernels = _compiled_functions()
    if not kernels:
        return "none: NUMBA_DISABLE_JIT is set"
    folder = kernels[0].stats.cache_path
    if folder is None:
        return "compiled anew by every run: set NUMBA_CACHE_DIR to a folder that can be written to"
    kept = len(list(Path(folder).glob("*.nbi")))
    writable = "writable" if os.access(folder, os.W_OK) else "NOT WRITABLE"
    return f"{folder} ({writable}, {kept} kept; {_variable('NUMBA_CACHE_DIR')})"


def _origin_of_threads() -> str:
    cores = f"{available_cores()} of {os.cpu_count()} cores that this process may use"
    for name in ("MINIDL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return f"{_variable(name)}, at most the {cores}"
    return f"the {cores} (MINIDL_NUM_THREADS is not set)"


def _blas() -> str:
    """NumPy's library for products of matrices: version, kernels for which processor, threads."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not found:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{built['name']} {built['version']}; it does not tell its kernels and threads"
    return ", ".join(
        f"{library['internal_api']} {library['version']} with kernels for "
        f"{library.get('architecture', 'any processor')} on {library['num_threads']} thread(s)"
        for library in found
    )


def _availability(load: Callable[..., Dataset]) -> str:
    try:
        return f"ready, {len(load(split='test', download=False)):,} test images read"
    except DataNotFoundError:
        return "not here; downloaded when first used"
    except DataFileError as error:
        return str(error)
