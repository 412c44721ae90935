"""Sockets to the web process as a client opens them, frame by frame."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from preferences.models import User

PATIENCE = 30.0  # seconds, on a busy machine

Dial = Callable[..., ClientConnection]
OpenBell = Callable[[User], ClientConnection]


def hear(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=PATIENCE))


def say(socket: ClientConnection, **message: Any) -> Any:
    """Send a message and return its answer."""
    socket.send(json.dumps(message))
    return hear(socket)


def close_code(socket: ClientConnection) -> int | None:
    """Return with which code the server closes, whatever it says before."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=PATIENCE)
    return socket.close_code


def is_silent(socket: ClientConnection) -> bool:
    """Whether nothing came before the answer to a ping."""
    return bool(say(socket, type="ping") == {"type": "pong"})
