"""Weights in files: `save` and `load` state dicts, and read those that PyTorch saved."""

from minidl.weights.errors import WeightsError
from minidl.weights.files import (
    Arrays,
    load,
    read_safetensors,
    remove_leftovers,
    replacing,
    save,
    write_safetensors,
)

__all__ = [
    "Arrays",
    "WeightsError",
    "load",
    "read_safetensors",
    "remove_leftovers",
    "replacing",
    "save",
    "write_safetensors",
]
