"""The one source of chance: first weights and dropout masks are drawn here, and can be redrawn.

(Data loaders do not use it: their order depends on their own seed and the epoch alone.)
"""

from typing import Any, cast

import numpy as np

from minidl.shapes import BlankGenerator, is_shapes_only

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the generator anew, so that what is drawn from now on can be drawn again."""
    global _generator
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The generator that initialisers and dropout draw from."""
    return cast(np.random.Generator, BlankGenerator()) if is_shapes_only() else _generator


def get_state() -> dict[str, Any]:
    """The generator's position, as a dict of plain numbers and strings that JSON can hold."""
    return dict(_generator.bit_generator.state)


def set_state(state: dict[str, Any]) -> None:
    """Put the generator back to a position that `get_state` returned."""
    _generator.bit_generator.state = state
