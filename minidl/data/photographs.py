"""Decode image files into one array, in threads, with a progress bar.

Pillow decodes without holding the interpreter's lock, so plain threads use all cores. They call
Pillow only, none of minidl's kernels, which have threads of their own.

This module imports Pillow and rich, which is slow, so it is itself imported only when needed.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from minidl_kernels.threads import num_threads
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

MANY = 200  # files from which on a progress bar is worth its line


def read(paths: Sequence[Path], size: tuple[int, int]) -> tuple[NDArray[np.uint8], dict[Path, str]]:
    """Decode all files: the images (N, 3, h, w), and what is wrong with those that are damaged.

    The place of a damaged image in the array is black.

    Args:
        paths: N files.
        size: (h, w).

    Raises:
        MemoryError: the array would be too large.
    """
    h, w = size
    try:
        images = np.zeros((len(paths), 3, h, w), np.uint8)
    except (MemoryError, ValueError):  # ValueError: more bytes than an address can name
        raise MemoryError(
            f"{len(paths):,} images of 3·{h}·{w} bytes take {len(paths) * 3 * h * w / 1e6:,.0f} MB "
            "of memory, which this computer does not have: choose a smaller size, or fewer images"
        ) from None
    damaged = {}

    def read_one(k: int) -> str:
        try:
            images[k] = decode(paths[k], size)
        # Pillow's many decoders raise whatever they stumble over in a damaged file.
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    console = Console(stderr=True)
    columns = (TextColumn("reading images"), BarColumn(), MofNCompleteColumn())
    hidden = len(paths) < MANY or not console.is_terminal
    with (
        Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden) as progress,
        ThreadPoolExecutor(num_threads()) as pool,
    ):
        try:
            answers = pool.map(read_one, range(len(paths)))
            for path, answer in zip(paths, progress.track(answers, len(paths)), strict=True):
                if answer:
                    damaged[path] = answer
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return images, damaged


def decode(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One image file as RGB, (3, h, w): upright, cut in the middle to the shape of `size`, resized.

    Raises:
        Exception: of any kind, if the file is damaged or no image.
    """
    h, w = size
    with Image.open(path) as image:
        # A JPEG can be decoded at ½, ¼ or ⅛ of its size, much faster; twice what is needed is left.
        image.draft(None, (2 * max(size), 2 * max(size)))
        upright = ImageOps.exif_transpose(image)
        fitted = ImageOps.fit(_rgb(upright), (w, h), Image.Resampling.BILINEAR)
        return np.asarray(fitted).transpose(2, 0, 1)


def _rgb(image: Image.Image) -> Image.Image:
    """Any image in RGB with 8 bits a channel; transparent parts over white."""
    if image.mode.startswith("I"):  # 16 bits, or 32: grey
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise ValueError(f"levels of {levels.min()}…{levels.max()}, not of 16 bits, 0…65535")
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, which have no black and white")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layers).convert("RGB")
    return image.convert("RGB")
