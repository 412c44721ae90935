"""`python -m benchmarks.reads`: list, count and preferences among 1,000,000 notifications, events stored beside."""

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.markup import escape

from benchmarks.environment import ROOT
from benchmarks.reads import report
from benchmarks.reads.client import CallFailed
from benchmarks.reads.inboxes import Population
from benchmarks.reads.measures import Scale, measure
from benchmarks.reads.verdict import judge
from benchmarks.terminal import INTERRUPTED, leave, new_console
from devstack.interrupts import interrupt_once

_LOG_WIDTH: Final = 120  # columns, where there is no terminal to ask
_QUICK: Final = Scale(Population(rows=100_000, readers=50, hoard=20_000), blocks=2, block=30)


def main() -> int:
    """Return 1 when something did not hold that must, 130 when it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reads", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, few calls")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench-reads.json", help="figures (%(default)s)")
    arguments = parser.parse_args()
    scale = _QUICK if arguments.quick else Scale()
    console = new_console(log_width=_LOG_WIDTH)
    interrupt_once()
    try:
        with console.status("") as status:
            results = measure(scale, tell=status.update)
    except KeyboardInterrupt:
        console.print("Everything is stopped.")
        return INTERRUPTED
    except (CallFailed, RuntimeError) as error:
        console.print(f"[bold red]Not carried out[/]: {escape(str(error))}")
        return 1
    musts = judge(results)
    console.print(report.as_tables(results, musts))
    leave(report.as_json(scale, results, musts), arguments.json, console)
    return 0 if all(must.holds for must in musts) else 1


if __name__ == "__main__":
    sys.exit(main())
