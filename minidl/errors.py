"""The errors minidl raises itself. Each says where, what is wrong, and what to try."""

from minidl import scope


class InputError(ValueError):
    """An operation was given something it cannot compute with.

    The message names the operation and the layer it ran in, then the problem with its arithmetic,
    then one thing to try.
    """

    def __init__(self, operation: str, problem: str, fix: str) -> None:
        layer = scope.path()
        place = f"{operation} in layer {layer}" if layer else operation
        super().__init__(f"{place}: {problem}. {fix}")


class GraphError(RuntimeError):
    """The backward pass was asked for something the graph cannot give."""


class AnomalyError(FloatingPointError):
    """Inside `detect_anomaly()`, an operation turned finite numbers into NaN or infinity."""


class GradientError(AssertionError):
    """A backward pass disagrees with finite differences."""
