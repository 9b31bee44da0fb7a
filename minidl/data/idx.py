"""The IDX format of the MNIST files: a big-endian header, then the numbers.

    bytes 0-1   0
    byte  2     type of the numbers; 0x08 is the unsigned byte, the only one used here
    byte  3     number of dimensions D
    then        D sizes, 4 bytes each, most significant byte first
    then        the numbers, last dimension fastest

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minidl.data.errors import DataFileError
from minidl.data.files import REPAIR


def parse_idx(content: bytes, dimensions: int, path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes.

    Args:
        content: the whole file, decompressed.
        dimensions: how many dimensions it must have: 3 for images (N, H, W), 1 for labels (N,).
        path: where it came from, for the error messages.

    Raises:
        DataFileError: wrong magic number, or more or fewer bytes than the header announces.
    """
    header = 4 + 4 * dimensions
    magic = bytes([0, 0, 0x08, dimensions])
    if content[:4] != magic or len(content) < header:
        hint = " It looks like a web page." if content[:1] == b"<" else ""
        raise DataFileError(
            f"{path}: not an IDX file of bytes with {dimensions} dimension(s): it should begin "
            f"with the bytes {magic.hex(' ')}, but its {len(content):,} bytes begin with "
            f"{content[:4].hex(' ') or 'nothing'}.{hint} {REPAIR}"
        )
    sizes = np.frombuffer(content[4:header], dtype=">u4").tolist()
    expected = header + math.prod(sizes)
    if len(content) != expected:
        raise DataFileError(
            f"{path}: the file is cut short or damaged: its header announces the sizes {sizes}, "
            f"which is {expected:,} bytes, but there are {len(content):,}. {REPAIR}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(sizes)
