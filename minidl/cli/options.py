"""What several commands share: groups of options, options, exit codes."""

from pathlib import Path
from typing import Annotated

import typer

WHAT, HOW, WHERE = "What to train", "How", "Files"
FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes; 130 is what shells give after Ctrl-C

Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the dataset's official files, searched before anything is downloaded.",
        rich_help_panel=WHAT,
    ),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads to compute with.", rich_help_panel=HOW)
]
