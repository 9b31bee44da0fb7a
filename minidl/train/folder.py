"""The folder of a run: which files are in it, and which folder to take."""

from dataclasses import dataclass
from pathlib import Path

from minidl.train.config import Config, RunError


@dataclass(frozen=True)
class Folder:
    """The files of a run."""

    path: Path

    @property
    def config(self) -> Path:
        """The settings."""
        return self.path / "config.json"

    @property
    def history(self) -> Path:
        """A table with a row an epoch."""
        return self.path / "history.csv"

    @property
    def checkpoint(self) -> Path:
        """Everything the run needs to go on."""
        return self.path / "checkpoint.safetensors"

    def weights(self, which: str) -> Path:
        """The weights of the "best" or the "last" epoch."""
        return self.path / f"{which}.safetensors"

    def is_run(self) -> bool:
        """Whether there is a run in it."""
        return any(file.exists() for file in (self.config, self.history, self.checkpoint))


def new_folder(config: Config, parent: Path = Path("runs")) -> Folder:
    """Name the first free folder `parent/model-dataset-number`."""
    number = 1
    while (path := parent / f"{config.model}-{config.data}-{number}").exists():
        number += 1
    return Folder(path)


def check_free(folder: Folder) -> None:
    """Make sure that a new run would overwrite nothing.

    Raises:
        RunError: the folder has a run, or is a file.
    """
    if folder.path.exists() and not folder.path.is_dir():
        raise RunError(f"{folder.path} is a file; --out must name a folder")
    if folder.is_run():
        raise RunError(
            f"{folder.path} already holds a run, which stays as it is. Continue it with\n"
            f"  minidl train --resume {folder.path}\nor choose another folder with --out."
        )


def open_folder(path: Path) -> tuple[Folder, Config]:
    """Find the run in a folder.

    Raises:
        RunError: there is none, or its settings cannot be read.
    """
    folder = Folder(path)
    if not path.is_dir():
        raise RunError(f"there is no folder {path}{_runs_near(path)}")
    if not folder.config.is_file():
        raise RunError(f"{path} holds no run (it has no config.json){_runs_near(path)}")
    return folder, Config.load(folder.config)


def _runs_near(path: Path) -> str:
    """Name the runs in a folder, or else beside it, or else where new ones are put."""
    for place in (path, path.parent, Path("runs")):
        if place.is_dir():
            runs = sorted(str(inner) for inner in place.iterdir() if Folder(inner).is_run())
            if runs:
                return f"; there are: {', '.join(runs)}"
    return ""
