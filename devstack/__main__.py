"""`python -m devstack demo` runs everything here and now; `python -m devstack reset` drops its data."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from devstack.interrupts import interrupt_once
from devstack.launch import ROOT, DemoFailed, drop_data, run_demo
from devstack.server import ServerFailed

_PORTS = range(1, 65_536)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("action", choices=["demo", "reset"])
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where the data lies (%(default)s)")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    try:
        if arguments.action == "demo":
            _demo(console, arguments.var)
        else:
            drop_data(arguments.var)
            console.print("The demo's data is gone.")
    except (DemoFailed, ServerFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _demo(console: Console, var: Path) -> None:
    interrupt_once()
    try:
        run_demo(console, var=var, port=_wanted_port())
    except KeyboardInterrupt:
        console.print("Everything is stopped.")


def _wanted_port() -> int:
    wanted = os.environ.get("PORT") or "8000"
    if not wanted.isdecimal() or int(wanted) not in _PORTS:
        raise DemoFailed(f"PORT must be a number from 1 to 65535, not {wanted!r}.")
    return int(wanted)


if __name__ == "__main__":
    sys.exit(main())
