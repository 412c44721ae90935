"""What the servers have in common: a port, a data directory, a log, and a life that ends with ours."""

import contextlib
import fcntl
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from devstack.child import Child, spawn
from devstack.ports import free_port, is_free
from devstack.waiting import wait_until


class ServerFailed(Exception):
    """A server did not come up. The message is a sentence for whoever started it."""


class Server(ABC):
    """A server on a loopback port, which keeps its data in `directory`.

    May be stopped and started again, on the same port and data. The log lies beside the directory.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_patience: ClassVar[float] = 60.0  # seconds; PostgreSQL may have a crash to recover from
    stop_patience: ClassVar[float] = 20.0

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory.resolve()
        self.port = port or free_port()
        self.log = self.directory.with_suffix(".log")
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.is_alive

    @property
    def pid(self) -> int:
        """Of the server itself, for tests that freeze or kill it."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._child.process.pid

    def start(self) -> None:
        """Return when it answers. Raises ServerFailed."""
        if self.is_running:
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._sole_use_of_directory() as lock:
            if not is_free(self.port):
                raise ServerFailed(f"{self.name} cannot start: another program listens on port {self.port}.")
            self._prepare()
            self._child = self._spawn(self._command(), pass_fds=[lock])
        if not wait_until(self._answers_or_ended, seconds=self.start_patience) or not self.is_running:
            self.stop()
            raise self._failure()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop(patience=self.stop_patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the server needs in its directory."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Does it answer a request, as a client would send it?"""

    def _environment(self) -> Mapping[str, str]:
        return os.environ

    def _account(self) -> str | None:
        """Who runs it instead of root."""
        return None

    def _answers_or_ended(self) -> bool:
        return not self.is_running or self._answers()

    def _spawn(self, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Child:
        with self.log.open("ab") as log:
            return spawn(
                command,
                environment=self._environment(),
                output=log,
                stop_signal=self.stop_signal,
                directory=self.directory,
                account=self._account(),
                pass_fds=pass_fds,
            )

    def _failure(self) -> ServerFailed:
        lines = self.log.read_text(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return ServerFailed(f"{self.name} did not start: {last} (more in {self.log})")

    @contextlib.contextmanager
    def _sole_use_of_directory(self) -> Iterator[int]:
        """Hold the lock that every server inherits and thus keeps until its last process is gone.

        So a server whose parent was killed can finish writing before the next one reads.
        """
        lock = os.open(self.directory.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not wait_until(lambda: _is_locked_by_us(lock), seconds=self.stop_patience):
                raise ServerFailed(f"{self.name} cannot start: another one still runs on {self.directory}.")
            yield lock
        finally:
            os.close(lock)


def _is_locked_by_us(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
