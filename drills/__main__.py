"""`python -m drills`: break something under load, mend it, and account for every event."""

import argparse
import json
import logging
import secrets
import sys
import traceback
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from benchmarks.environment import ROOT
from benchmarks.terminal import INTERRUPTED, new_console
from devstack.interrupts import interrupt_once
from drills import report, storm
from drills.drill import Result, Scale, run
from drills.faults import DRILLS, Drill
from drills.script import Script

_LOG_WIDTH: Final = 130  # columns, where there is no terminal to ask
_SEEDS: Final = 1_000_000


def main() -> int:
    """Return 1 when a drill failed, 130 when it was interrupted."""
    arguments = _arguments()
    console = new_console(log_width=_LOG_WIDTH)
    scale = Scale(users=arguments.users, rate=arguments.rate, seconds=arguments.seconds, calm=arguments.calm)
    logging.getLogger("notifications_producer").addHandler(logging.NullHandler())  # else each call by HTTP is a line
    interrupt_once()
    drills = {**DRILLS, storm.NAME: storm.drill(arguments.seed)}
    names = arguments.names or list(DRILLS)
    try:
        results = [result for name in names if (result := _run(name, drills[name], scale, console, arguments.var))]
    except KeyboardInterrupt:
        console.print("Everything is stopped.")
        return INTERRUPTED
    if len(names) > 1:
        console.print(report.summary(results))
    if len(results) == len(names) and all(result.is_clean for result in results):
        return 0
    if storm.NAME in names:
        console.print(f"The same storm again: {_command(arguments)}", soft_wrap=True)
    return 1


def _arguments() -> argparse.Namespace:
    usual = Scale()
    parser = argparse.ArgumentParser(prog="python -m drills", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(DRILLS)} (all); or {storm.NAME}")
    parser.add_argument("--seconds", type=float, help="how long the fault lasts (default: each drill's own)")
    parser.add_argument("--rate", type=float, default=usual.rate, help="events a second (%(default)g)")
    parser.add_argument("--users", type=int, default=usual.users, help="people with a bell (%(default)d)")
    parser.add_argument("--calm", type=float, default=usual.calm, help="seconds before and after (%(default)g)")
    parser.add_argument("--seed", type=int, help=f"of the {storm.NAME} (by chance)")
    parser.add_argument("--var", type=Path, default=ROOT / "var" / "drills", help="for results and logs (%(default)s)")
    arguments = parser.parse_args()
    known = [*DRILLS, storm.NAME]
    if unknown := set(arguments.names) - set(known):
        parser.error(f"there is no drill {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if arguments.seed is None:
        arguments.seed = secrets.randbelow(_SEEDS)
    return arguments


def _command(arguments: argparse.Namespace) -> str:
    """Return what repeats a storm: the same blows at the same moments, if not the same events in hand."""
    scale = f"--rate {arguments.rate:g} --users {arguments.users} --calm {arguments.calm:g}"
    length = "" if arguments.seconds is None else f" --seconds {arguments.seconds:g}"
    return f"python -m drills {storm.NAME} --seed {arguments.seed}{length} {scale}"


def _run(name: str, drill: Drill, scale: Scale, console: Console, var: Path) -> Result | None:
    """Run one drill and show what came of it; None when it could not be carried out."""
    (var / name).mkdir(parents=True, exist_ok=True)
    console.rule(f"[bold]{name}[/]: {drill.title}", align="left")
    try:
        with console.status("") as status:
            result = run(name, drill, scale, logs=var / name, new_script=lambda: Script(console, status))
    except Exception as error:  # whatever it was, the other drills are to be had
        (var / name / "drill.log").write_text(traceback.format_exc())
        console.print(f"[bold red]Not carried out[/]: {escape(str(error))} [dim]{var / name}/*.log[/]\n")
        return None
    console.print(report.as_tables(result))
    file = var / f"{name}.json"
    file.write_text(json.dumps(report.as_json(result), indent=2) + "\n")
    verdict = "[green]Passed.[/]" if result.is_clean else "[bold red]Failed.[/]"
    console.print(f"{verdict} [dim]{file}[/]\n")
    return result


if __name__ == "__main__":
    sys.exit(main())
