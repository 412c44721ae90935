"""Who may hold a socket: the handshake, the token, the places, the rollout."""

from datetime import timedelta

import pytest
from redis import Redis
from waffle.models import Switch
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from devstack.waiting import wait_until
from preferences import rollout
from preferences.authentication import issue_token
from preferences.models import Flag, User
from tests.conftest import Web
from tests.notifications.dialling import PATIENCE, Dial, OpenBell, close_code, hear

# --- Handshake -----------------------------------------------------------------------------------------------


def test_a_token_in_the_header_opens_a_socket(dial: Dial, alice: User) -> None:
    assert hear(dial(issue_token(alice))) == {"type": "hello", "unread_count": 0, "latest": None}


def test_a_token_in_the_subprotocol_opens_a_socket_and_is_not_echoed(dial: Dial, alice: User) -> None:
    socket = dial(subprotocols=[Subprotocol("bearer"), Subprotocol(issue_token(alice))])

    assert socket.subprotocol == "bearer"
    assert hear(socket)["type"] == "hello"


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c", "é"])
def test_without_a_good_token_the_socket_is_closed_with_4401(dial: Dial, token: str | None) -> None:
    assert close_code(dial(token)) == 4401


def test_an_expired_token_is_refused_with_4401(dial: Dial, alice: User) -> None:
    assert close_code(dial(issue_token(alice, lifetime=timedelta(seconds=-1)))) == 4401


def test_a_refusal_echoes_the_subprotocol_so_that_browsers_see_the_code(dial: Dial) -> None:
    socket = dial(subprotocols=[Subprotocol("bearer"), Subprotocol("nonsense")])

    assert socket.subprotocol == "bearer"
    assert close_code(socket) == 4401


def test_a_token_in_the_url_is_not_looked_at(web: Web, alice: User) -> None:
    with connect(f"{web.websocket_url}?token={issue_token(alice)}", proxy=None) as socket:
        assert close_code(socket) == 4401


def test_the_token_of_nobody_is_refused_with_4401(dial: Dial) -> None:
    assert close_code(dial(issue_token(User(name="Deleted")))) == 4401


def test_an_inactive_users_token_is_refused_with_4401(dial: Dial, alice: User) -> None:
    User.objects.filter(id=alice.id).update(is_active=False)

    assert close_code(dial(issue_token(alice))) == 4401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_origin_is_refused_with_http_403(dial: Dial, alice: User, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        dial(issue_token(alice), origin=Origin(origin))

    assert refusal.value.response.status_code == 403


def test_our_own_origin_may_open_a_socket(dial: Dial, web: Web, alice: User) -> None:
    assert hear(dial(issue_token(alice), origin=Origin(web.base_url)))["type"] == "hello"


def test_any_other_address_is_refused_with_http_403(web: Web) -> None:
    with pytest.raises(InvalidStatus) as refusal, connect(f"{web.websocket_url}/more", proxy=None):
        pass

    assert refusal.value.response.status_code == 403
    assert "Traceback" not in web.log.read_text()


def test_a_socket_closes_with_4401_when_its_token_expires(dial: Dial, alice: User) -> None:
    socket = dial(issue_token(alice, lifetime=timedelta(seconds=2)))

    assert hear(socket)["type"] == "hello"
    assert close_code(socket) == 4401


# --- At most 20 ----------------------------------------------------------------------------------------------


def test_the_21st_socket_of_a_user_is_refused_until_one_closes(
    dial: Dial, open_bell: OpenBell, alice: User, charlie: User
) -> None:
    first, *_ = [open_bell(alice) for _ in range(20)]
    assert close_code(dial(issue_token(alice))) == 4429
    assert open_bell(charlie)

    first.close()
    assert wait_until(lambda: hear_hello(dial(issue_token(alice))), seconds=PATIENCE)


def hear_hello(socket: ClientConnection) -> bool:
    try:
        return bool(hear(socket)["type"] == "hello")
    except ConnectionClosed:
        return False


def test_a_refused_socket_takes_no_place(dial: Dial, web: Web, alice: User, valkey: Redis) -> None:
    close_code(dial(issue_token(alice, lifetime=timedelta(seconds=-1))))

    assert valkey.keys("bell:sockets:*") == []


# --- Flag and switch -----------------------------------------------------------------------------------------


def test_outside_the_rollout_a_socket_is_refused_with_4403(dial: Dial, alice: User) -> None:
    Flag.objects.update(everyone=False)

    assert close_code(dial(issue_token(alice))) == 4403


def test_with_the_kill_switch_on_a_socket_is_refused_with_4403(dial: Dial, alice: User) -> None:
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)

    assert close_code(dial(issue_token(alice))) == 4403
