"""The table of `minidl check`: every backward pass beside finite differences."""

import difflib
import time
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from minidl.errors import GradientError
from minidl.samples import Sample, samples


class UnknownOpError(ValueError):
    """There is no op of that name."""


def print_gradient_checks(console: Console, op: str | None = None) -> int:
    """Check the gradients of all ops, or of one with a line for each sample, and print a table.

    Args:
        console: where to print.
        op: the name of an op, in upper or lower case; None for all.

    Returns:
        How many samples failed.

    Raises:
        UnknownOpError: there is no such op; the message has those there are.
    """
    groups = _by_op(samples()) if op is None else _one_by_one(op)
    table = Table(title=f"Gradients of {'all ops' if op is None else op}, and finite differences")
    table.add_column("op" if op is None else "sample")
    if op is None:
        table.add_column("samples", justify="right")
    table.add_column("largest difference", justify="right")
    table.add_column("time", justify="right")
    table.add_column("")
    failures: list[str] = []
    with console.status("checking"):
        for name, group in groups.items():
            started = time.perf_counter()
            worst, failed = _check(group)
            seconds = time.perf_counter() - started
            count = [str(len(group))] if op is None else []
            verdict = "[red]wrong[/]" if failed else "[green]right[/]"
            table.add_row(
                escape(name), *count, f"{worst:.0e}", f"{1000 * seconds:,.0f} ms", verdict
            )
            failures += failed
    console.print(table)
    for failure in failures:
        console.print(failure, markup=False, highlight=False, soft_wrap=True)
    total = sum(map(len, groups.values()))
    summary = f"{total - len(failures)} of {total} samples agree (relative difference below 1e-5)"
    console.print(summary, highlight=False)
    return len(failures)


def _check(group: list[Sample]) -> tuple[float, list[str]]:
    """The largest relative difference among the samples, and what went wrong."""
    worst, failed = 0.0, []
    for sample in group:
        try:
            worst = max(worst, sample.check())
        except GradientError as error:
            worst = float("nan")
            failed.append(f"{sample.op.__name__}, {sample.label}: {error}")
    return worst, failed


def _by_op(every: Iterable[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in every:
        groups.setdefault(sample.op.__name__, []).append(sample)
    return groups


def _one_by_one(op: str) -> dict[str, list[Sample]]:
    by_op = _by_op(samples())
    names = {name.lower(): name for name in by_op}
    if op.lower() not in names:
        near = [names[name] for name in difflib.get_close_matches(op.lower(), names)]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownOpError(f"there is no op {op!r}{hint}\nThere are: {', '.join(by_op)}")
    return {sample.label: [sample] for sample in by_op[names[op.lower()]]}
