"""Round trips to Redis, counted on the connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from redis.connection import Connection


@contextmanager
def redis_round_trips() -> Iterator[list[None]]:
    """Each that this process makes meanwhile is an entry of the list; a pipeline is one."""
    made: list[None] = []
    send = Connection.send_packed_command

    def counted(self: Connection, *arguments: Any, **options: Any) -> Any:
        made.append(None)
        return send(self, *arguments, **options)

    with mock.patch.object(Connection, "send_packed_command", counted):
        yield made
