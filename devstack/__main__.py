"""`python -m devstack demo` runs everything here and now; `python -m devstack reset` drops its data."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Never

from rich.console import Console

from devstack.launch import ROOT, DemoFailed, drop_data, run_demo
from devstack.server import ServerFailed

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
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
    for number in _STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:  # nohup stays in force
            signal.signal(number, _interrupt_once)
    try:
        run_demo(console, var=var, port=_wanted_port())
    except KeyboardInterrupt:
        console.print("Everything is stopped.")


def _interrupt_once(_number: int, _frame: FrameType | None) -> Never:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut the stopping short
    print("\nStopping; what is in hand is finished first.", flush=True)
    raise KeyboardInterrupt


def _wanted_port() -> int:
    wanted = os.environ.get("PORT") or "8000"
    if not wanted.isdecimal() or int(wanted) not in _PORTS:
        raise DemoFailed(f"PORT must be a number from 1 to 65535, not {wanted!r}.")
    return int(wanted)


if __name__ == "__main__":
    sys.exit(main())
