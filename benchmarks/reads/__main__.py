"""`python -m benchmarks.reads`: list, count and preferences among 1,000,000 notifications, events stored beside."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from benchmarks.environment import ROOT
from benchmarks.reads import report
from benchmarks.reads.client import CallFailed
from benchmarks.reads.inboxes import Population
from benchmarks.reads.measures import Scale, measure
from benchmarks.reads.verdict import judge
from devstack.interrupts import interrupt_once

_LOG_WIDTH: Final = 120  # columns, where there is no terminal to ask
_QUICK: Final = Scale(Population(rows=100_000, readers=50, hoard=20_000), blocks=2, block=30)
_INTERRUPTED: Final = 130


def main() -> int:
    """Return 1 when something did not hold that must, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, few calls")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench-reads.json", help="figures (%(default)s)")
    arguments = parser.parse_args()
    scale = _QUICK if arguments.quick else Scale()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    interrupt_once()
    try:
        with console.status("") as status:
            results = measure(scale, tell=status.update)
    except KeyboardInterrupt:
        console.print("Everything is stopped.")
        return _INTERRUPTED
    except (CallFailed, RuntimeError) as error:
        console.print(f"[bold red]Not carried out[/]: {escape(str(error))}")
        return 1
    musts = judge(results)
    console.print(report.as_tables(results, musts))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report.as_json(scale, results, musts), indent=2) + "\n")
    console.print(f"[dim]All figures: {arguments.json}[/]")
    return 0 if all(must.holds for must in musts) else 1


if __name__ == "__main__":
    sys.exit(main())
