"""Bells as a browser opens them: real sockets to a real web process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from preferences.authentication import issue_token
from preferences.models import User


class Bell:
    """One open socket of a user."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def say(self, message: dict[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    def hear(self, type_: str, *, seconds: float = 10) -> dict[str, Any]:
        """The next message of this type; others are passed over. Raises TimeoutError."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=seconds))
            if message["type"] == type_:
                return message

    def hears_nothing(self) -> bool:
        """Whether nothing waits: the answer to a ping comes behind everything that was on its way."""
        self.say({"type": "ping"})
        message = json.loads(self._socket.recv(timeout=10))
        return bool(message["type"] == "pong")


@contextmanager
def open_bell(websocket_url: str, user: User) -> Iterator[Bell]:
    """A socket that has been greeted."""
    with open_bell_with(websocket_url, issue_token(user)) as bell:
        bell.hear("hello")
        yield bell


@contextmanager
def open_bell_with(websocket_url: str, token: str) -> Iterator[Bell]:
    """A socket that nobody has said anything on."""
    subprotocols: list[Any] = ["bearer", token]
    with connect(websocket_url, subprotocols=subprotocols) as socket:
        yield Bell(socket)
