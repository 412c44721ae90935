"""`python -m benchmarks`: compare, show tables, leave the figures as JSON."""

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks import report
from benchmarks.comparison import QUICK, Scale, compare
from benchmarks.environment import ROOT
from benchmarks.terminal import leave, new_console

_LOG_WIDTH: Final = 100  # columns, where there is no terminal to ask


def main() -> int:
    """Return 1 when an event was lost or doubled."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Our way beside one Celery task per event."
    )
    parser.add_argument("--quick", action="store_true", help="one short round, in under a minute")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench.json", help="for the figures (%(default)s)")
    arguments = parser.parse_args()
    console = new_console(log_width=_LOG_WIDTH)
    with console.status("") as status:
        results = compare(QUICK if arguments.quick else Scale(), tell=status.update)
    console.print(report.as_tables(results))
    leave(report.as_json(results), arguments.json, console)
    if not results.is_clean:
        console.print("[bold red]Events were lost or doubled.[/]")
    return 0 if results.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
