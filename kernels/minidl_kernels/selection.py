"""Which of the three kernel sets runs: chosen by a call, a `with` block or the environment.

Beside the three there is "shapes", which computes no numbers; `minidl.shapes_only()` uses it.
"""

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

NAMES = ("naive", "numpy", "numba")


class KernelSet:
    """One folder of kernels; each file in it is an attribute, imported when first asked for.

    Importing late keeps `import minidl` quick: Numba is loaded by the first kernel that needs it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, family: str) -> ModuleType:
        path = f"minidl_kernels.{self.name}.{family}"
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:  # the file is there, but something it needs is not
                raise
            raise AttributeError(f"there is no file of kernels named {family!r}") from None
        setattr(self, family, module)  # found directly from now on
        return module

    def __repr__(self) -> str:
        return f"KernelSet({self.name!r})"


def available() -> tuple[str, ...]:
    """The names of the kernel sets that can run here: `numba` only where Numba is installed."""
    return tuple(name for name in NAMES if name != "numba" or importlib.util.find_spec("numba"))


def _named(name: str) -> KernelSet:
    if name not in _SETS:
        raise ValueError(f"there is no kernel set {name!r}; choose one of {', '.join(NAMES)}")
    if name == "numba" and name not in available():
        raise ValueError("the kernel set 'numba' needs Numba: `pip install numba`, or use 'numpy'")
    return _SETS[name]


def select(name: str) -> None:
    """Use the kernel set `name` ("naive", "numpy" or "numba") from now on."""
    global _active
    _active = _named(name)


@contextmanager
def use(name: str) -> Iterator[None]:
    """Use the kernel set `name` inside a `with` block. The choice holds for the whole process."""
    global _active
    before = active()
    select(name)
    try:
        yield
    finally:
        _active = before


def active() -> KernelSet:
    """The kernel set that runs now: the selected, else MINIDL_KERNELS, else the fastest here."""
    global _active
    if _active is None:
        _active = _named(os.environ.get("MINIDL_KERNELS") or available()[-1])
    return _active


_SETS = {name: KernelSet(name) for name in (*NAMES, "shapes")}
_active: KernelSet | None = None
