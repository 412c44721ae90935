"""`python -m benchmarks.load`: put everything under a steady load, and account for every event."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from benchmarks.environment import ROOT
from benchmarks.load import plot, report
from benchmarks.load.mix import Mix
from benchmarks.load.plan import Plan
from benchmarks.load.progress import watching
from benchmarks.load.run import Results, carry_out
from benchmarks.terminal import INTERRUPTED, new_console
from devstack.interrupts import interrupt_once

_LOG_WIDTH: Final = 120  # columns, where there is no terminal to ask


def main() -> int:
    """Return 1 when something did not hold that must, 130 when it was interrupted."""
    arguments = _arguments()
    plan = Plan(
        Mix(arguments.mix),
        rate=arguments.rate,
        seconds=arguments.seconds,
        warm_up=arguments.warm_up,
        users=arguments.users,
    )
    console = new_console(log_width=_LOG_WIDTH)
    interrupt_once()
    try:
        with watching(plan, console) as watcher:
            results = carry_out(plan, logs=arguments.var / "logs", tell=watcher.tell, watch=watcher.watch)
    except KeyboardInterrupt:
        console.print("Everything is stopped.")
        return INTERRUPTED
    except RuntimeError as error:
        console.print(f"[bold red]Not carried out[/]: {escape(str(error))}")
        return 1
    console.print(report.as_tables(results))
    _keep(results, arguments.var, console)
    return 0 if results.is_passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second (%(default)g)")
    parser.add_argument("--seconds", type=float, default=600.0, help="at that rate (%(default)g)")
    parser.add_argument("--mix", choices=list(Mix), default=Mix.DEFAULT, help="who gets what (%(default)s)")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds before that (%(default)g)")
    parser.add_argument("--users", type=int, default=1_000, help="recipients, each with a socket (%(default)d)")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "load", help="for results and logs (%(default)s)")
    return parser.parse_args()


def _keep(results: Results, directory: Path, console: Console) -> None:
    file = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = report.as_json(results)
    file.write_text(json.dumps(content, indent=2) + "\n")
    plot.draw(content, file.with_suffix(".png"))
    verdict = "[green]Passed.[/]" if results.is_passed else "[bold red]Failed.[/]"
    console.print(f"{verdict} [dim]{file} and {file.with_suffix('.png').name}[/]")


if __name__ == "__main__":
    sys.exit(main())
