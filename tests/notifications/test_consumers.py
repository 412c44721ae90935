import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from waffle.models import Switch
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from delivery.transports import bell
from devstack.stack import Servers
from devstack.waiting import wait_until
from notifications import ids, inbox, pipeline
from notifications.models import Notification, Path
from preferences import rollout
from preferences.authentication import issue_token
from preferences.models import Flag, User
from tests.cloudevents import event_for, message
from tests.conftest import Web

PATIENCE = 5.0  # seconds
RESYNC_PATIENCE = 15.0
UNKNOWN_ID = "ntf_0000000000000000"

Dial = Callable[..., ClientConnection]


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
def open_bell(dial: Dial) -> Callable[[User], ClientConnection]:
    """Opens a socket of this user that has heard its hello."""

    def admitted(user: User) -> ClientConnection:
        socket = dial(issue_token(user))
        assert hear(socket)["type"] == "hello"
        return socket

    return admitted


def hear(socket: ClientConnection, *, within: float = PATIENCE) -> Any:
    return json.loads(socket.recv(timeout=within))


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


def store(user: User, *, title: str = "Hello") -> Notification:
    notification_id = f"ntf_{secrets.token_hex(8)}"
    assert ids.is_notification_id(notification_id)
    return Notification.objects.create(id=notification_id, user=user, type="mentioned", title=title, body="")


def ring(user_id: UUID, title: str) -> None:
    bell.publish([(user_id, {"type": "notification", "notification": {"title": title}, "unread_count": 1})])


# --- Handshake -----------------------------------------------------------------------------------------------


def test_a_token_in_the_header_opens_a_socket(dial: Dial, alice: User) -> None:
    assert hear(dial(issue_token(alice))) == {"type": "hello", "unread_count": 0, "latest": None}


def test_a_token_in_the_subprotocol_opens_a_socket_and_is_not_echoed(dial: Dial, alice: User) -> None:
    socket = dial(subprotocols=[Subprotocol("bearer"), Subprotocol(issue_token(alice))])

    assert socket.subprotocol == "bearer"
    assert hear(socket)["type"] == "hello"


def test_hello_tells_the_unread_count_and_what_was_stored_last(dial: Dial, alice: User, charlie: User) -> None:
    store(alice)
    latest = store(alice)
    store(charlie)

    assert hear(dial(issue_token(alice))) == {"type": "hello", "unread_count": 2, "latest": latest.id}


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


# --- What the client says ------------------------------------------------------------------------------------


def test_a_ping_is_answered(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    assert say(open_bell(alice), type="ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x00\x01", "binary_frame"),
        ("{", "invalid_json"),
        ('{"type": "ping", "x": "\\ud800"}', "invalid_json"),
        ("[" * 20_000, "invalid_json"),
        ("[]", "invalid_message"),
        ("{}", "invalid_message"),
        ('{"type": 1}', "invalid_message"),
        ('{"type": "bell.message"}', "unknown_type"),
        ('{"type": "resume"}', "invalid_message"),
        ('{"type": "resume", "after": "ntf_\\u0000"}', "invalid_message"),
        ('{"type": "displayed", "id": ["ntf_0000000000000000"]}', "invalid_message"),
    ],
)
def test_a_bad_message_gets_an_error_and_harms_nothing(
    open_bell: Callable[[User], ClientConnection], alice: User, frame: str | bytes, code: str
) -> None:
    socket = open_bell(alice)
    socket.send(frame)

    assert hear(socket) == {"type": "error", "code": code}
    assert is_silent(socket)


def test_what_is_displayed_is_noted_within_seconds(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    notification = store(alice)
    open_bell(alice).send(json.dumps({"type": "displayed", "id": notification.id}))

    shown = Notification.objects.filter(id=notification.id, displayed_at__isnull=False)
    assert wait_until(shown.exists, seconds=PATIENCE)


def test_displayed_is_accepted_without_an_answer(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    socket = open_bell(alice)
    socket.send(json.dumps({"type": "displayed", "id": UNKNOWN_ID}))

    assert is_silent(socket)


def test_a_frame_of_a_megabyte_closes_only_its_own_socket(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket, other = open_bell(alice), open_bell(alice)
    with contextlib.suppress(ConnectionClosed):  # the server hangs up before it has read all
        socket.send("x" * 1_000_000)

    assert close_code(socket) == 1009
    assert is_silent(other)


def test_more_than_20_messages_a_second_are_refused(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    socket = open_bell(alice)
    for _ in range(60):
        socket.send('{"type": "ping"}')
    answers = [hear(socket) for _ in range(60)]

    assert answers[:20] == [{"type": "pong"}] * 20
    assert answers[-1] == {"type": "error", "code": "rate_limited"}


def test_more_than_a_few_resumes_are_refused_and_nothing_else_is(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket = open_bell(alice)
    for _ in range(15):
        socket.send(json.dumps({"type": "resume", "after": UNKNOWN_ID}))
    answers = [hear(socket) for _ in range(15)]

    assert [answer["type"] for answer in answers[:5]] == ["missed"] * 5
    assert answers.count({"type": "error", "code": "rate_limited"}) > 0
    assert is_silent(socket)


def test_a_flood_closes_the_socket_with_1008(dial: Dial, alice: User) -> None:
    socket = dial(issue_token(alice), max_queue=None)  # reads on, although nobody asks it what it read
    with contextlib.suppress(ConnectionClosed):
        for _ in range(2_000):
            socket.send('{"type": "ping"}')

    assert close_code(socket) == 1008


def test_resume_brings_what_was_stored_since(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    known, missed = store(alice), store(alice, title="Missed")
    Notification.objects.filter(id=known.id).update(created_at=missed.created_at - timedelta(seconds=5))
    answer = say(open_bell(alice), type="resume", after=known.id)

    assert (answer["type"], answer["has_more"]) == ("missed", False)
    assert answer["notifications"][0] == inbox.page(alice.id, limit=1).items[0].as_json()
    assert [item["id"] for item in answer["notifications"]] == [missed.id, known.id]


def test_resume_stops_after_a_hundred(open_bell: Callable[[User], ClientConnection], alice: User) -> None:
    known, *_ = [store(alice) for _ in range(101)]
    answer = say(open_bell(alice), type="resume", after=known.id)

    assert len(answer["notifications"]) == 100
    assert answer["has_more"] is True


def test_resume_after_anothers_notification_shows_nothing_of_it(
    open_bell: Callable[[User], ClientConnection], alice: User, charlie: User
) -> None:
    answer = say(open_bell(charlie), type="resume", after=store(alice).id)

    assert answer == {"type": "missed", "notifications": [], "has_more": False}


# --- What the user's other doors say -------------------------------------------------------------------------


def test_marking_read_reaches_every_bell_of_the_user_and_no_other(
    open_bell: Callable[[User], ClientConnection], alice: User, charlie: User
) -> None:
    notification = store(alice)
    tabs, strangers = [open_bell(alice), open_bell(alice)], open_bell(charlie)
    inbox.mark_read(alice.id, notification.id)

    for tab in tabs:
        assert hear(tab) == {"type": "read", "ids": [notification.id], "unread_count": 0}
    assert is_silent(strangers)


def test_a_notification_reaches_the_bell_as_it_was_published(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket = open_bell(alice)
    published = {"type": "notification", "notification": {"title": "Grüße 🔔"}, "unread_count": 3}
    bell.publish([(alice.id, published)])

    assert hear(socket) == published


def test_a_burst_for_one_bell_arrives_whole_and_in_order(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket = open_bell(alice)
    bell.publish([(alice.id, {"type": "notification", "unread_count": n}) for n in range(2_000)])

    assert [hear(socket)["unread_count"] for _ in range(2_000)] == list(range(2_000))


# --- Counts that are overtaken -------------------------------------------------------------------------------


@pytest.fixture
def before_publishing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Has something happen once, between the next count and its way to the bells."""

    def happen(action: Callable[[], Any]) -> None:
        publish = bell.publish

        def overtaken(*messages: Any, **options: Any) -> None:
            monkeypatch.setattr(bell, "publish", publish)
            messages = tuple(map(list, messages))  # they are counted by now
            action()
            publish(*messages, **options)

        monkeypatch.setattr(bell, "publish", overtaken)

    return happen


def process_event(number: int, user: User) -> None:
    pipeline.process([message(event_for(user, id=f"event-{number}"))], path=Path.SQS)


def test_of_two_batches_the_bell_keeps_the_later_count_whichever_rings_first(
    open_bell: Callable[[User], ClientConnection], alice: User, before_publishing: Callable[..., None]
) -> None:
    socket = open_bell(alice)
    before_publishing(lambda: process_event(2, alice))
    process_event(1, alice)

    assert [(frame["type"], frame["unread_count"]) for frame in (hear(socket), hear(socket))] == [
        ("notification", 2),
        ("notification", 2),
    ]


def test_a_mark_that_an_event_overtakes_does_not_take_the_event_from_the_count(
    open_bell: Callable[[User], ClientConnection], alice: User, before_publishing: Callable[..., None]
) -> None:
    notification, socket = store(alice), open_bell(alice)
    before_publishing(lambda: process_event(1, alice))
    inbox.mark_read(alice.id, notification.id)

    assert hear(socket)["unread_count"] == 1
    assert hear(socket) == {"type": "read", "ids": [notification.id], "unread_count": 1}


def test_a_bell_that_opens_while_it_rings_keeps_the_count_of_its_hello(
    dial: Dial, open_bell: Callable[[User], ClientConnection], alice: User, before_publishing: Callable[..., None]
) -> None:
    notification, newcomers = store(alice), []

    def open_after_another() -> None:
        store(alice)
        newcomers.append(dial(issue_token(alice)))
        assert hear(newcomers[0])["unread_count"] == 1

    before_publishing(open_after_another)
    inbox.mark_read(alice.id, notification.id)
    assert hear(newcomers[0])["unread_count"] == 1


def test_a_hidden_bell_knows_the_count_of_what_it_did_not_show(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket = open_bell(alice)
    Flag.objects.update(everyone=False)
    assert hear(socket) == {"type": "disabled"}
    counted_at = time.time()
    bell.publish([(alice.id, {"type": "notification", "unread_count": 2})], counted_at=counted_at)
    bell.publish([(alice.id, {"type": "read", "ids": [], "unread_count": 1})], counted_at=counted_at - 1)

    assert hear(socket) == {"type": "read", "ids": [], "unread_count": 2}


# --- At most 20 ----------------------------------------------------------------------------------------------


def test_the_21st_socket_of_a_user_is_refused_until_one_closes(
    dial: Dial, open_bell: Callable[[User], ClientConnection], alice: User, charlie: User
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


def test_an_open_bell_hides_and_shows_itself_with_the_flag(
    open_bell: Callable[[User], ClientConnection], alice: User
) -> None:
    socket = open_bell(alice)
    Flag.objects.update(everyone=False)
    assert hear(socket) == {"type": "disabled"}
    ring(alice.id, "unseen")
    assert is_silent(socket)

    Flag.objects.update(everyone=True)
    assert hear(socket) == {"type": "enabled"}
    ring(alice.id, "seen")
    assert hear(socket)["notification"]["title"] == "seen"


def test_bells_of_those_who_stay_in_the_rollout_hear_nothing_of_it(
    open_bell: Callable[[User], ClientConnection], alice: User, charlie: User, flag_on: Flag
) -> None:
    stays, goes = open_bell(alice), open_bell(charlie)
    flag_on.users.add(alice)
    Flag.objects.update(everyone=None)

    assert hear(goes) == {"type": "disabled"}
    assert is_silent(stays)
    flag_on.users.clear()


# --- When something goes away --------------------------------------------------------------------------------


def test_bells_survive_a_restart_of_redis_and_resync(
    open_bell: Callable[[User], ClientConnection], alice: User, charlie: User, servers: Servers, web: Web
) -> None:
    before = open_bell(alice)
    servers.valkey.stop()
    store(charlie)
    meanwhile = open_bell(charlie)  # hello comes from PostgreSQL
    assert is_silent(before)
    servers.valkey.start()

    for socket, user in ((before, alice), (meanwhile, charlie)):
        assert hear(socket, within=RESYNC_PATIENCE) == {"type": "resync"}
        ring(user.id, "afterwards")
        assert hear(socket)["notification"]["title"] == "afterwards"
    assert "Traceback" not in web.log.read_text()
