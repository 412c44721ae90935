import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from preferences.authentication import issue_token
from preferences.models import User
from tests.conftest import Web
from tests.notifications.dialling import Dial, OpenBell, hear


@pytest.fixture
def dial(web: Web) -> Iterator[Dial]:
    """Opens a socket with what a client would send; the sockets are closed at the end."""
    with contextlib.ExitStack() as sockets:

        def open_socket(token: str | None = None, **options: Any) -> ClientConnection:
            headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
            options = {"additional_headers": headers, "proxy": None, "ping_interval": None, **options}
            return sockets.enter_context(connect(web.websocket_url, **options))

        yield open_socket


@pytest.fixture
def open_bell(dial: Dial) -> OpenBell:
    """Opens a socket of this user that has heard its hello."""

    def admitted(user: User) -> ClientConnection:
        socket = dial(issue_token(user))
        assert hear(socket)["type"] == "hello"
        return socket

    return admitted
