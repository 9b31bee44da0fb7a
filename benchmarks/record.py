"""Keep what was measured: a table on the screen, a CSV file with the machine, a picture."""

import csv
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import minidl

RESULTS = Path(__file__).parent / "results"
BLUE, ORANGE = "#0072B2", "#E69F00"  # told apart by every kind of eye (Okabe and Ito)

Row = dict[str, Any]


def machine() -> Row:
    """The columns that say where and with what a row was measured."""
    packages = ("numpy", "numba", "torch")
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": minidl.num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # PyTorch is needed for its own side only
        return "none"


def _processor() -> str:
    """The processor's name, and its family and model where the system tells them."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    if "model name" not in fields:  # ARM
        return platform.machine()
    return f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"


def save(
    folder: Path, name: str, rows: Sequence[Row], order: Sequence[str], of: str = "network"
) -> list[Row]:
    """Write folder/name.csv and return all its rows.

    What an earlier run measured of the same networks is replaced; other networks' rows stay.

    Args:
        folder: where results are kept.
        name: the table.
        rows: what was measured now.
        order: the networks' order in the file.
        of: the column that says of which network a row is, or of which kernel.
    """
    path = folder / f"{name}.csv"
    measured = {row[of] for row in rows}
    kept = [row for row in read(path) if row[of] not in measured]
    here = machine()
    together = kept + [{**row, **here} for row in rows]
    together.sort(key=lambda row: order.index(row[of]) if row[of] in order else len(order))
    write(path, together)
    return together


def read(path: Path) -> list[Row]:
    """The rows of a CSV file, all values as text; none if there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows to a CSV file, with the columns of the last one; make its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def show(title: str, caption: str, rows: Sequence[Row], of: str = "network") -> None:
    """Print rows as a table, a line between networks (or what else the column `of` names)."""
    table = Table(title=title, caption=caption)
    for column in rows[0]:
        is_text = isinstance(rows[0][column], str)
        table.add_column(column, justify="left" if is_text else "right")
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        last = following is None or following[of] != row[of]
        table.add_row(*(_text(value) for value in row.values()), end_section=last)
    Console(width=max(Console().width, 140)).print(table)


def _text(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"


def picture(folder: Path, name: str, title: str, rows: Sequence[Row]) -> Path:
    """Draw folder/name.png: speed against PyTorch as bars, a group for a network and batch.

    The bar is the median of the runs, the thin line reaches from the slowest run to the fastest.
    """
    speeds: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["side"] != "minidl":
            label = f"{row['network']}\n{row['images']} image" + "s" * (int(row["images"]) > 1)
            speeds.setdefault(label, {}).setdefault(row["side"], []).append(float(row["speed"]))
    figure = Figure(figsize=(8, 1.2 + 0.62 * len(speeds)), layout="constrained")
    axes = figure.subplots()
    height = 0.38
    longest = max(max(series) for sides in speeds.values() for series in sides.values())
    for k, (side, colour) in enumerate({"PyTorch": BLUE, "channels_last": ORANGE}.items()):
        series = [sides[side] for sides in speeds.values()]
        places = [group + (k - 0.5) * height for group in range(len(series))]
        middle = [statistics.median(runs) for runs in series]
        spread = [
            [m - min(runs) for m, runs in zip(middle, series, strict=True)],
            [max(runs) - m for m, runs in zip(middle, series, strict=True)],
        ]
        says = "PyTorch, default layout" if side == "PyTorch" else "PyTorch, channels_last"
        axes.barh(places, middle, height, xerr=spread, color=colour, ecolor="#333333", label=says)
        for place, m, runs in zip(places, middle, series, strict=True):
            axes.text(max(runs) + 0.012 * longest, place, f"{m:.2f}", va="center", fontsize=9)
    axes.axvline(1, color="black", linewidth=1.2, linestyle="--")
    axes.set_yticks(range(len(speeds)), list(speeds))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * longest)
    axes.set_xlabel(
        "speed of minidl: PyTorch's time ÷ minidl's (right of the line minidl is faster)"
    )
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=9, frameon=False)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=130)
    return path
