"""What is said of a weights file that cannot be used."""

from pathlib import Path


class WeightsError(ValueError):
    """A weights file, or what should go into one, is not what it has to be."""


class RefusedError(ValueError):
    """A file is whole, but holds what minidl does not read: code, say, or a whole model."""


def unreadable(path: Path, kind: str, error: Exception) -> str:
    """The message for a file that breaks off, or makes no sense, when read as `kind`."""
    return (
        f"{path} cannot be read as {kind} ({path.stat().st_size:,} bytes): {error}. "
        "It is damaged, incomplete (a download or copy that stopped early?) or of another kind. "
        "Fetch or write it again."
    )
