"""`python -m benchmarks.growth`: follow the curves, show tables, leave the figures as JSON and the plot beside them."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from benchmarks.environment import ROOT, Environment
from benchmarks.growth import plot, report
from benchmarks.growth.bench import Bench, Tell
from benchmarks.growth.drain import Point
from benchmarks.growth.intake_curves import batch_sizes, recipients, table_sizes
from benchmarks.growth.latency_curve import latencies
from benchmarks.growth.scale import QUICK, Curve, Scale
from benchmarks.growth.socket_curve import sockets
from benchmarks.growth.tables import Tables
from benchmarks.terminal import INTERRUPTED, leave, new_console
from devstack.interrupts import interrupt_once

_LOG_WIDTH: Final = 120  # columns, where there is no terminal to ask
_LOGS: Final = ROOT / "var" / "growth"

_MEASURES: Final[Mapping[Curve, Callable[[Bench], list[Point]]]] = {
    Curve.BATCH_SIZE: batch_sizes,
    Curve.RECIPIENTS: recipients,
    Curve.TABLE_SIZE: table_sizes,
    Curve.LATENCY: latencies,
    Curve.SOCKETS: sockets,
}


def main() -> int:
    """Return 1 when a curve could not be followed, 130 when it was interrupted."""
    arguments = _arguments()
    console = new_console(log_width=_LOG_WIDTH)
    scale = QUICK if arguments.quick else Scale()
    found: list[Point] = []
    interrupt_once()
    try:
        _follow(arguments.curves or list(Curve), scale, found, tell=_teller(console))
    except KeyboardInterrupt:
        console.print("Everything is stopped.")
        return INTERRUPTED
    except RuntimeError as error:
        console.print(f"[bold red]Not carried out[/]: {escape(str(error))}")
        return 1
    finally:  # what was found so far is worth keeping
        _keep(found, scale, arguments.json, console)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="What grows, and what it costs.")
    names = ", ".join(Curve)
    parser.add_argument("curves", nargs="*", type=Curve, metavar="curve", help=f"{names}; all unless some are named")
    parser.add_argument("--quick", action="store_true", help="one short round of each, in two minutes")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench-growth.json", help="(%(default)s)")
    return parser.parse_args()


def _follow(curves: Sequence[Curve], scale: Scale, found: list[Point], *, tell: Tell) -> None:
    """Add the points of each curve to `found`."""
    tell("starting PostgreSQL, Valkey and SQS")
    with (
        Environment.running(logs=_LOGS) as environment,
        Tables(environment.stack.database_url) as tables,
    ):
        environment.populate(scale.people + 1)  # the last one gets nothing: the actor
        bench = Bench(environment, tables, scale, tell=tell)
        for curve in dict.fromkeys(curves):
            tell(f"[bold]{curve}[/]")
            found += _MEASURES[curve](bench)


def _teller(console: Console) -> Tell:
    started = time.monotonic()
    return lambda text: console.print(f"[dim]{time.monotonic() - started:5.0f} s[/]  {text}")


def _keep(found: Sequence[Point], scale: Scale, file: Path, console: Console) -> None:
    if not found:
        return
    content = report.as_json(found, scale)
    console.print(report.as_tables(found))
    leave(content, file, console)
    plot.draw(content, file.with_suffix(".png"))


if __name__ == "__main__":
    sys.exit(main())
