"""A process that does what the harness says, one method at a time, over a connection of theirs."""

import contextlib
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.environment import Environment

Method = Callable[..., Any]

_PATIENCE: Final = 90.0  # seconds, for a process to start


class Remote:
    """The harness's end. What a method raises ends its process; its log says why."""

    def __init__(self, connection: Connection, log: Path) -> None:
        self._connection = connection
        self._log = log

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method and return what it returns. Raises RuntimeError when the process ended instead."""
        self.begin(name, *arguments)
        return self.finish()

    def begin(self, name: str, *arguments: Any) -> None:
        """Call a method; `finish` has its answer."""
        self._connection.send((name, arguments))

    def finish(self) -> Any:
        """Return what the method returned that began last."""
        try:
            return self._connection.recv()
        except EOFError as error:
            raise RuntimeError(f"a process of the sockets ended; see {self._log}") from error


def call_all(remotes: Sequence[Remote], name: str, *arguments: Any) -> list[Any]:
    """Call the same method of all at once."""
    for remote in remotes:
        remote.begin(name, *arguments)
    return [remote.finish() for remote in remotes]


@contextlib.contextmanager
def running(environment: Environment, module: str, *arguments: str, name: str) -> Iterator[Remote]:
    """Run a module that calls `serve`; its first argument is where we listen."""
    with tempfile.TemporaryDirectory(prefix="notifications-sockets-") as directory:
        address = str(Path(directory) / "harness")
        with (
            _listening(address) as listener,
            environment.process(name, [sys.executable, "-m", module, address, *arguments]),
            _accepted(listener) as connection,
        ):
            yield Remote(connection, environment.logs / f"{name}.log")


@contextlib.contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(_PATIENCE)
        listener.bind(address)
        listener.listen()
        yield listener


def _accepted(listener: socket.socket) -> Connection:
    """Wait for the process to call. Raises TimeoutError; the library's own Listener would wait for ever."""
    accepted, _ = listener.accept()
    accepted.setblocking(True)
    return Connection(accepted.detach())


def serve(address: str, method: Callable[[str], Method]) -> None:
    """Do what the harness at `address` says until it hangs up; `method` finds what it names."""
    with Client(address, family="AF_UNIX") as harness, contextlib.suppress(EOFError):
        while True:
            name, arguments = harness.recv()
            harness.send(method(name)(*arguments))
