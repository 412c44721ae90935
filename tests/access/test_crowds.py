"""Sockets in numbers: one user's hundreds, and those who say nothing or do not listen."""

import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from devstack.waiting import wait_until
from notifications.sockets.admission import CloseCode
from notifications.sockets.places import MOST_SOCKETS
from preferences.models import User
from tests.access.callers import bearer
from tests.bells import open_bell
from tests.conftest import Web

PATIENCE = 60.0  # seconds; on a busy machine
TRIES = 200


def dial(web: Web, user: User) -> ClientConnection:
    return connect(
        web.websocket_url,
        additional_headers={"Authorization": bearer(user)},
        proxy=None,
        open_timeout=PATIENCE,
        ping_interval=None,
        close_timeout=1,
    )


def is_greeted(bell: ClientConnection) -> bool:
    with contextlib.suppress(ConnectionClosed):
        return bool(json.loads(bell.recv(timeout=PATIENCE))["type"] == "hello")
    assert bell.close_code == CloseCode.TOO_MANY_SOCKETS
    return False


def test_of_hundreds_at_once_twenty_get_a_place_and_others_are_served(
    web: Web, alice: User, charlie: User, valkey: Redis
):
    with contextlib.ExitStack() as sockets, ThreadPoolExecutor(16) as at_once:
        bells = list(at_once.map(lambda _: sockets.enter_context(dial(web, alice)), range(TRIES)))
        assert sum(at_once.map(is_greeted, bells)) == MOST_SOCKETS
        with open_bell(web.websocket_url, charlie) as bell:
            assert bell.hears_nothing()
        assert valkey.zcard(f"bell:sockets:{alice.id.hex}") == MOST_SOCKETS
    assert wait_until(lambda: valkey.zcard(f"bell:sockets:{alice.id.hex}") == 0, seconds=PATIENCE)


def test_those_who_vanish_in_the_middle_leave_no_place_taken(web: Web, alice: User, valkey: Redis):
    address = urlsplit(web.base_url)
    opening = (
        f"GET /ws/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bearer(alice)}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for _ in range(TRIES):
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as gone:
            gone.sendall(opening.encode())
    assert wait_until(lambda: valkey.zcard(f"bell:sockets:{alice.id.hex}") == 0, seconds=PATIENCE)
    with open_bell(web.websocket_url, alice) as bell:
        assert bell.hears_nothing()


def test_those_who_bring_no_token_are_closed_and_hold_nobody_up(web: Web, alice: User):
    with contextlib.ExitStack() as sockets:
        strangers = [sockets.enter_context(connect(web.websocket_url, proxy=None)) for _ in range(100)]
        with open_bell(web.websocket_url, alice) as bell:
            assert bell.hears_nothing()
        for stranger in strangers:
            with contextlib.suppress(ConnectionClosed):
                stranger.recv(timeout=PATIENCE)
            assert stranger.close_code == CloseCode.BAD_TOKEN


def test_a_bell_that_does_not_listen_holds_no_other_up(web: Web, alice: User):
    with dial(web, alice) as deaf, open_bell(web.websocket_url, alice) as bell:
        deaf.recv(timeout=PATIENCE)
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(100):
            deaf.send(json.dumps({"type": "nothing"}))
        assert bell.hears_nothing()
