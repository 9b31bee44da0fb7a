"""Download one file: mirrors in order, checksum, progress bar.

pooch writes to a temporary file in the same folder, compares its checksum, and only then renames
it: under its final name a file is complete and right. An interrupted download leaves nothing and
starts anew; files that were already finished stay.

This module imports pooch and rich, which is slow, so it is itself imported only when needed.
"""

import logging
from pathlib import Path

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from minidl.data.files import Download

CHUNK = 1 << 16  # bytes a read
TIMEOUT = 30  # seconds without an answer until the next mirror is tried

# pooch reports each download as a log line, which would break the progress bar in two.
pooch.get_logger().setLevel(logging.WARNING)


def cache_folder() -> Path:
    """The folder this system sets apart for cached files of minidl, such as ~/.cache/minidl."""
    return Path(pooch.os_cache("minidl"))


def fetch(item: Download, folder: Path) -> list[str]:
    """Download `item` into `folder` from the first mirror that serves it with the right checksum.

    Returns:
        Empty when the file is in place; otherwise a line for each mirror with what went wrong.
    """
    failures = []
    for mirror in item.mirrors:
        url = mirror + item.name
        with ProgressBar(item.name) as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
            try:
                pooch.retrieve(
                    url, f"md5:{item.md5}", fname=item.name, path=folder, downloader=downloader
                )
                return []
            # OSError: no network, an answer like 403 (requests' errors are OSErrors), a full disk.
            # ValueError: pooch's word for a wrong checksum.
            except (OSError, ValueError) as error:
                failures.append(f"{url}: {error}")
    return failures


class ProgressBar:
    """A rich progress bar behind the four names that pooch calls: total, update, reset, close.

    Drawn on standard error, and only on a terminal. rich falls back to ASCII where it must.
    """

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None)

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def total(self) -> float | None:
        """Size of the file in bytes; None while the server has not said."""
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, size: int) -> None:
        self._progress.update(self._task, total=size or None)

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        """Start from zero again, as pooch does before it fills the bar at the end."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Take the bar off the screen's moving part."""
        self._progress.stop()
