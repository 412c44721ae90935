"""Every address but those of the admin, by everybody who may knock. A new one that is not in a table fails here."""

import contextlib
import re
from typing import NamedTuple

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from notifications.sockets.admission import CloseCode
from preferences import unsubscribe
from preferences.authentication import issue_token
from preferences.models import User
from tests.access.callers import bearer, good_for_nobody, routes, service_bearer
from tests.cloudevents import event_for
from tests.conftest import Web
from tests.notifications.rows import read_at, stored
from tests.rest import Caller
from tests.staff import browse_as, superuser

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

#: What a call answers to the person whom the row is of, to somebody else, and to a producer service. Whoever has no
#: good token gets 401 everywhere.
CALLS = """
GET     api/v1/notifications                                            200 200 403
GET     api/v1/notifications/<str:notification_id>                      200 404 403
GET     api/v1/notifications/<str:notification_id>/explanation          200 404 403
PATCH   api/v1/notifications/<str:notification_id>/read                 200 404 403
PATCH   api/v1/notifications/<str:notification_id>/unread               200 404 403
POST    api/v1/notifications/read-all                                   200 404 403
POST    api/v1/notifications/read-all/undo                              200 404 403
GET     api/v1/notifications/bell                                       200 200 403
GET     api/v1/notifications/preferences                                200 200 403
PUT     api/v1/notifications/preferences                                200 200 403
PATCH   api/v1/notifications/preferences                                200 200 403
POST    api/v1/push-tokens                                              200 200 403
DELETE  api/v1/push-tokens/<text:device_id>                             204 204 403
POST    api/v1/events                                                   403 403 202
POST    api/v1/rollout                                                  403 403 200
"""

#: What is open, and answers everybody alike, whatever token or session they bring.
OPEN = """
GET     healthz                         200
GET     readyz                          200
GET     api/schema                      200
GET     api/docs                        200
GET     admin                           302
POST    webhooks/ses                    400
GET     email/unsubscribe/<str:token>   404
POST    email/unsubscribe/<str:token>   404
"""


class Row(NamedTuple):
    method: str
    route: str
    answers: tuple[int, ...]


def rows(table: str) -> list[Row]:
    lines = (line.split() for line in table.strip().splitlines())
    return [Row(method, route, tuple(map(int, answers))) for method, route, *answers in lines]


def address(route: str, notification_id: str = "ntf_0") -> str:
    in_path = {"notification_id": notification_id, "device_id": "phone", "token": "garbage"}
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: in_path[found[1]], route)


def body(route: str, alice: User, notification_id: str) -> object:
    """A body with which the call succeeds."""
    bodies = {
        "api/v1/notifications/read-all": lambda: {"up_to": notification_id},
        "api/v1/notifications/read-all/undo": lambda: {"undo_id": undo_id(alice)},
        "api/v1/notifications/preferences": lambda: {},
        "api/v1/push-tokens": lambda: {"platform": "android", "token": "t", "device_id": "phone"},
        "api/v1/events": lambda: event_for(alice),
        "api/v1/rollout": lambda: {"users": []},
    }
    return bodies[route]() if route in bodies else None


def undo_id(user: User) -> str:
    return str(Caller(user).post("/api/v1/notifications/read-all", {}).json()["undo_id"])


@pytest.fixture(autouse=True)
def sources(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}


def test_every_address_is_in_a_table():
    known = {row.route for row in [*rows(CALLS), *rows(OPEN)]}
    assert known == {route for route in routes() if not route.startswith("admin/")}


@pytest.mark.parametrize("row", rows(CALLS), ids=lambda row: f"{row.method} {row.route}")
def test_a_call_answers_its_owner_somebody_else_and_a_service(row, alice, charlie):
    for authorization, expected in zip((bearer(alice), bearer(charlie), service_bearer()), row.answers, strict=True):
        notification_id = stored(alice)
        call = Caller(authorization=authorization)
        asked = call(row.method, address(row.route, notification_id), body(row.route, alice, notification_id))
        assert asked.status_code == expected, asked.content
        assert asked["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("row", rows(CALLS), ids=lambda row: f"{row.method} {row.route}")
def test_a_call_answers_nobody_without_a_good_token(row, alice):
    notification_id = stored(alice)
    sent = body(row.route, alice, notification_id)
    before = read_at(notification_id)
    for wrong, authorization in good_for_nobody(alice).items():
        refused = Caller(authorization=authorization)(row.method, address(row.route, notification_id), sent)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "UNAUTHORIZED"), wrong
        assert refused["Cache-Control"] == "private, no-store"
    assert read_at(notification_id) == before


@pytest.mark.parametrize("row", rows(CALLS), ids=lambda row: f"{row.method} {row.route}")
def test_a_session_of_the_admin_opens_no_call(row, alice):
    browser = browse_as(superuser())
    refused = browser.generic(row.method, address(row.route, stored(alice)), b"{}", content_type="application/json")
    assert refused.status_code == 401


@pytest.mark.parametrize("route", sorted({row.route for row in rows(CALLS)}))
def test_a_method_that_is_not_in_the_table_is_refused_to_everybody(route, alice):
    for method in METHODS - {row.method for row in rows(CALLS) if row.route == route}:
        strangers, users, services = (
            Caller(authorization=by)(method, address(route)).status_code for by in ("", bearer(alice), service_bearer())
        )
        assert strangers == 401, method
        assert sorted([users, services]) == [403, 405], method


@pytest.mark.parametrize("row", rows(OPEN), ids=lambda row: f"{row.method} {row.route}")
def test_what_is_open_answers_everybody_alike(row, alice, queue):
    callers = {**good_for_nobody(alice), "user": bearer(alice), "service": service_bearer()}
    for who, authorization in callers.items():
        asked = Caller(authorization=authorization)(row.method, address(row.route))
        assert (asked.status_code,) == row.answers, who
        assert not asked.cookies, who
    assert browse_as(superuser()).generic(row.method, address(row.route)).status_code == row.answers[0]


def test_an_unsubscribe_link_is_good_whoever_brings_it(alice, charlie):
    link = f"/{unsubscribe.PATH}{unsubscribe.link(alice.id, 'mentioned').rpartition('/')[2]}"
    for authorization in ("", bearer(charlie), service_bearer()):
        assert Caller(authorization=authorization)("GET", link).status_code == 200
    charlie.refresh_from_db()
    assert charlie.notification_preferences == {}


# --- Sockets -------------------------------------------------------------------------------------------------


def closed_with(web: Web, authorization: str) -> int | None:
    """The code with which the server closes, or None for a socket that is greeted."""
    headers = {"Authorization": authorization} if authorization else {}
    with connect(web.websocket_url, additional_headers=headers, proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            assert orjson.loads(socket.recv(timeout=30))["type"] == "hello"
            return None
        return socket.close_code


def test_a_socket_opens_for_users_alone(web: Web, alice: User):
    for wrong, authorization in {**good_for_nobody(alice), "service": service_bearer()}.items():
        assert closed_with(web, authorization) == CloseCode.BAD_TOKEN, wrong
    assert closed_with(web, bearer(alice)) is None


def test_a_session_of_the_admin_opens_no_socket(web: Web, alice: User):
    browser = browse_as(superuser())
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    with connect(web.websocket_url, additional_headers={"Cookie": cookie}, proxy=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == CloseCode.BAD_TOKEN


def test_a_bell_hears_of_its_own_user_alone(web: Web, alice: User, charlie: User):
    theirs = stored(charlie)
    with connect(web.websocket_url, additional_headers={"Authorization": f"Bearer {issue_token(alice)}"}) as socket:
        assert orjson.loads(socket.recv(timeout=30))["unread_count"] == 0
        socket.send(orjson.dumps({"type": "displayed", "id": theirs}).decode())
        socket.send(orjson.dumps({"type": "resume", "after": theirs}).decode())
        assert orjson.loads(socket.recv(timeout=30)) == {"type": "missed", "notifications": [], "has_more": False}
