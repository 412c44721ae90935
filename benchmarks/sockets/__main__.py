"""`python -m benchmarks.sockets [--quick] [--sockets 10000]`: 1 when a must of spec §10 fails."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import descriptors
from benchmarks.environment import ROOT, Environment
from benchmarks.sockets import report, verdict
from benchmarks.sockets.measures import Result, Scale, Tell, measure
from benchmarks.sockets.stage import playing
from benchmarks.terminal import leave, new_console

_LOGS: Final = ROOT / "var" / "bench-sockets"
_QUICK: Final = Scale(sockets=500, idle_seconds=5.0, probes=50)
_FEWEST: Final = 200  # as many as there are probes
_LOG_WIDTH: Final = 110  # columns, where there is no terminal to ask


def run(scale: Scale, tell: Tell) -> Result:
    """Measure sockets to the web process of the Procfile, on servers of their own."""
    descriptors.allow(scale.sockets)
    tell("starting the servers")
    with Environment.running(logs=_LOGS) as environment:
        tokens = environment.populate(scale.sockets)
        with environment.web(), playing(environment, sockets=scale.sockets) as stage:
            return measure(stage, scale, tokens, tell)


def main() -> int:
    """Measure, print, leave the figures as JSON."""
    arguments = _arguments()
    scale = _QUICK if arguments.quick else Scale()
    if arguments.sockets:
        scale = replace(scale, sockets=arguments.sockets)
    console = new_console(log_width=_LOG_WIDTH)
    with console.status("") as status:
        result = run(scale, console.print if not console.is_terminal else status.update)
    lines = verdict.judge(result)
    console.print(report.as_tables(result, lines))
    leave(report.as_json(result, lines), arguments.json, console)
    return 0 if verdict.passed(lines) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets", description="Sockets of one web process.")
    parser.add_argument("--quick", action="store_true", help="500 sockets, which says nothing of spec §10's figures")
    parser.add_argument("--sockets", type=_crowd, help=f"how many, {_FEWEST} or more (10,000)")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "var" / "bench-sockets.json", help="for the figures (%(default)s)"
    )
    return parser.parse_args()


def _crowd(text: str) -> int:
    if (number := int(text)) < _FEWEST:
        raise argparse.ArgumentTypeError(f"at least {_FEWEST}")
    return number


if __name__ == "__main__":
    sys.exit(main())
