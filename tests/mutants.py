"""Are the gradient checks any good? Plant typical mistakes, one by one, and see each found.

    python -m tests.mutants                 # all of them; prints the table of kills
    python -m tests.mutants Conv2d BatchNorm

A planted bug replaces one piece of an op's (or a kernel's) source by another, as a tired author
might have written it. Then the op's samples are checked as `minidl check` does. A bug that no
sample finds is a hole in the samples, and fails the run.

The bugs are in tests/planted_bugs/, a file a family of ops.
"""

import importlib
import inspect
import pkgutil
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

import minidl
from minidl.samples import Sample, samples
from tests import planted_bugs

KERNELS = "numpy"
"""The set the bugs are planted in; that the sets agree is a test of its own."""


@dataclass(frozen=True)
class Bug:
    """One mistake.

    Attributes:
        op: the name of the op whose samples must find it.
        mistake: what the author did, in a few words.
        where: "module:object", the class or function whose source is changed.
        right: a piece of its source that occurs once.
        wrong: what stands there instead.
    """

    op: str
    mistake: str
    where: str
    right: str
    wrong: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Run the block with the mistake in place."""
        module_name, _, name = self.where.partition(":")
        module = importlib.import_module(module_name)
        original = vars(module)[name]
        changed = self._changed(module, original)
        if isinstance(original, FunctionType):
            setattr(module, name, changed)
            try:
                yield
            finally:
                setattr(module, name, original)
            return
        methods = {key: value for key, value in vars(changed).items() if inspect.isroutine(value)}
        kept = {key: vars(original)[key] for key in methods}
        try:
            for key, method in methods.items():
                setattr(original, key, method)
            yield
        finally:
            for key, method in kept.items():
                setattr(original, key, method)

    def _changed(self, module: ModuleType, original: Any) -> Any:
        source = textwrap.dedent(inspect.getsource(original))
        found = source.count(self.right)
        if found != 1:
            raise LookupError(
                f"{self}: the piece to replace occurs {found} times in {self.where}; "
                "the op has changed, so change its planted bug too"
            )
        # The globals are the module's own, so that the changed code calls what the right one calls.
        names: dict[str, Any] = {}
        exec(
            compile(source.replace(self.right, self.wrong), self.where, "exec"), vars(module), names
        )
        return names[original.__name__]


def bugs() -> list[Bug]:
    """All planted bugs."""
    families = [
        importlib.import_module(f"{planted_bugs.__name__}.{found.name}")
        for found in pkgutil.iter_modules(planted_bugs.__path__)
    ]
    return [Bug(*row) for family in families for row in family.BUGS]


def finding(bug: Bug, candidates: list[Sample]) -> str:
    """The label of the first sample that finds the bug, and how; empty if none does."""
    with bug.planted(), minidl.kernels(KERNELS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a wrong formula may overflow; the check decides
        for sample in candidates:
            try:
                sample.check()
            except minidl.GradientError:
                return f"{sample.label} (differs)"
            except Exception as error:
                return f"{sample.label} ({type(error).__name__})"
    return ""


def main(wanted: list[str]) -> int:
    """Plant every bug, print the table, and return 1 if one was not found."""
    by_op: dict[str, list[Sample]] = {}
    for sample in samples():
        by_op.setdefault(sample.op.__name__, []).append(sample)
    chosen = [bug for bug in bugs() if not wanted or bug.op in wanted]
    console = Console()
    table = Table(title="planted bugs", caption="found by: the first sample that notices the bug")
    for column in ("op", "mistake", "found by"):
        table.add_column(column)
    missed = 0
    for bug in track(chosen, "planting bugs", console=console, transient=True):
        found = finding(bug, by_op[bug.op])
        missed += not found
        table.add_row(bug.op, bug.mistake, found or "[bold red]not found[/]")
    console.print(table)
    console.print(f"{len(chosen) - missed} of {len(chosen)} planted bugs found")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
