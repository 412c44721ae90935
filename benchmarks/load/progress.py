"""What is going on, on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.load.plan import Plan
from benchmarks.load.samples import Sample

_EACH = 10  # samples for a line, where there is no terminal to paint on


class Watcher:
    """A bar of the events that were heard; a line every ten seconds where nobody can see a bar."""

    def __init__(self, plan: Plan, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=plan.count, figures="")
        self._seen = 0

    def tell(self, text: str) -> None:
        """Show what is going on."""
        self._progress.update(self._task, description=text)
        if not self._console.is_terminal:
            self._console.print(text)

    def watch(self, sample: Sample) -> None:
        """Show a sample."""
        self._seen += 1
        figures = _figures(sample)
        self._progress.update(self._task, completed=sample.heard, figures=figures)
        if not self._console.is_terminal and self._seen % _EACH == 0:
            self._console.print(f"{sample.at:5.0f} s  {figures}")


@contextmanager
def watching(plan: Plan, console: Console) -> Iterator[Watcher]:
    """Show the progress of a load as long as the context lasts."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Watcher(plan, console, progress)


def _figures(sample: Sample) -> str:
    return (
        f"{sample.heard:,} of {sample.published:,} heard  {sample.queued:,} queued  "
        f"{sample.mails:,} mails, {sample.pushes:,} pushes waiting  {sum(sample.cores.values()):.1f} cores"
    )
