"""How the benchmarks' tables look."""

from rich.table import Table


def table(title: str, first: str, *columns: str) -> Table:
    """Return an empty table: what a row is about on the left, its figures on the right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    made.add_column(first)
    for column in columns:
        made.add_column(column, justify="right")
    return made
