"""The processes of a Procfile as our children, with their output woven together.

Honcho reads the file and prints the lines. Its Manager is not used: it leaves the processes behind when it is
killed, waits for ever when none of them heeds the signal to stop, and gives the rest five seconds once one has.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from devstack.child import Child, spawn, stop_all


@dataclass(frozen=True)
class Ended:
    """A process that ended by itself."""

    name: str
    exit_code: int


class Processes:
    """Runs in `directory` what a Procfile names."""

    def __init__(self, directory: Path, environment: Mapping[str, str], printer: Printer) -> None:
        self._directory = directory
        self._environment = environment
        self._printer = printer
        self._printing = threading.Lock()
        self._colours = get_colours()
        self._children: dict[str, Child] = {}
        self._readers: list[threading.Thread] = []

    def start(self, name: str, command: str) -> None:
        child = spawn(
            exec_in_shell(command),
            environment=self._environment,
            output=subprocess.PIPE,
            directory=self._directory,
        )
        self._children[name] = child
        printing = (name, child, next(self._colours))
        reader = threading.Thread(target=self._print_output, args=printing, daemon=True)
        reader.start()
        self._readers.append(reader)

    def first_ended(self) -> Ended | None:
        for name, child in self._children.items():
            if not child.is_alive:
                return Ended(name, child.process.returncode)
        return None

    def stop(self, *, patience: float) -> None:
        """Stop them together, within `patience` seconds, and print what they say meanwhile."""
        stop_all(self._children.values(), patience=patience)
        for reader in self._readers:
            reader.join(timeout=1)

    def _print_output(self, name: str, child: Child, colour: str) -> None:
        assert child.process.stdout is not None
        with child.process.stdout as lines:
            for line in lines:
                # Read on even when nobody listens any more: the process would block on a full pipe.
                with contextlib.suppress(OSError), self._printing:
                    self._printer.write(Message("line", line, datetime.now().astimezone(), name, colour))


def read_procfile(path: Path) -> Mapping[str, str]:
    """Commands by the name of their process, in the file's order."""
    commands: Mapping[str, str] = parse_procfile(path.read_text()).processes
    return commands


def exec_in_shell(command: str) -> list[str]:
    """The command as a list of arguments: a shell fills in `${PORT:-8000}` and makes way."""
    return ["sh", "-c", f"exec {command}"]


@contextlib.contextmanager
def running(procfile: Path, environment: Mapping[str, str], *, patience: float) -> Iterator[Processes]:
    """Start every process of `procfile`; at the end give them `patience` seconds to stop."""
    commands = read_procfile(procfile)
    processes = Processes(procfile.parent, environment, Printer(sys.stdout, width=max(map(len, commands))))
    try:
        for name, command in commands.items():
            processes.start(name, command)
        yield processes
    finally:
        processes.stop(patience=patience)
