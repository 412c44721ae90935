"""What must hold of a result, and the table that says whether it did."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.tables import table


@dataclass(frozen=True, slots=True)
class Must:
    """One thing that must hold, with the figure that was measured."""

    text: str
    measured: str
    holds: bool


def as_table(musts: Sequence[Must]) -> Table:
    """Return what the terminal shows."""
    shown = table("Must", "", "measured", "")
    for must in musts:
        shown.add_row(must.text, must.measured, "[green]holds[/]" if must.holds else "[bold red]missed[/]")
    return shown
