import contextlib
import json
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from delivery.transports import bell
from devstack.stack import Servers
from devstack.waiting import wait_until
from notifications import ids, inbox, marking, pipeline
from notifications.models import Notification, Path
from preferences.authentication import issue_token
from preferences.models import Flag, User
from tests.cloudevents import event_for, message
from tests.conftest import Web
from tests.notifications.dialling import PATIENCE, Dial, OpenBell, close_code, hear, is_silent, say

UNKNOWN_ID = "ntf_0000000000000000"


def store(user: User, *, title: str = "Hello") -> Notification:
    notification_id = f"ntf_{secrets.token_hex(8)}"
    assert ids.is_notification_id(notification_id)
    return Notification.objects.create(id=notification_id, user=user, type="mentioned", title=title, body="")


def ring(user_id: UUID, title: str) -> None:
    bell.publish([(user_id, {"type": "notification", "notification": {"title": title}, "unread_count": 1})])


def test_hello_tells_the_unread_count_and_what_was_stored_last(dial: Dial, alice: User, charlie: User) -> None:
    store(alice)
    latest = store(alice)
    store(charlie)

    assert hear(dial(issue_token(alice))) == {"type": "hello", "unread_count": 2, "latest": latest.id}


# --- What the client says ------------------------------------------------------------------------------------


def test_a_ping_is_answered(open_bell: OpenBell, alice: User) -> None:
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
    open_bell: OpenBell, alice: User, frame: str | bytes, code: str
) -> None:
    socket = open_bell(alice)
    socket.send(frame)

    assert hear(socket) == {"type": "error", "code": code}
    assert is_silent(socket)


def test_what_is_displayed_is_noted_within_seconds(open_bell: OpenBell, alice: User) -> None:
    notification = store(alice)
    open_bell(alice).send(json.dumps({"type": "displayed", "id": notification.id}))

    shown = Notification.objects.filter(id=notification.id, displayed_at__isnull=False)
    assert wait_until(shown.exists, seconds=PATIENCE)


def test_displayed_is_accepted_without_an_answer(open_bell: OpenBell, alice: User) -> None:
    socket = open_bell(alice)
    socket.send(json.dumps({"type": "displayed", "id": UNKNOWN_ID}))

    assert is_silent(socket)


def test_a_frame_of_a_megabyte_closes_only_its_own_socket(open_bell: OpenBell, alice: User) -> None:
    socket, other = open_bell(alice), open_bell(alice)
    with contextlib.suppress(ConnectionClosed):  # the server hangs up before it has read all
        socket.send("x" * 1_000_000)

    assert close_code(socket) == 1009
    assert is_silent(other)


def test_more_than_20_messages_a_second_are_refused(open_bell: OpenBell, alice: User) -> None:
    socket = open_bell(alice)
    for _ in range(60):
        socket.send('{"type": "ping"}')
    answers = [hear(socket) for _ in range(60)]

    assert answers[:20] == [{"type": "pong"}] * 20
    assert answers[-1] == {"type": "error", "code": "rate_limited"}


def test_more_than_a_few_resumes_are_refused_and_nothing_else_is(open_bell: OpenBell, alice: User) -> None:
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


def test_resume_brings_what_was_stored_since(open_bell: OpenBell, alice: User) -> None:
    known, missed = store(alice), store(alice, title="Missed")
    Notification.objects.filter(id=known.id).update(created_at=missed.created_at - timedelta(seconds=5))
    answer = say(open_bell(alice), type="resume", after=known.id)

    assert (answer["type"], answer["has_more"]) == ("missed", False)
    assert answer["notifications"][0] == inbox.page(alice.id, limit=1).items[0].as_json()
    assert [item["id"] for item in answer["notifications"]] == [missed.id, known.id]


def test_resume_stops_after_a_hundred(open_bell: OpenBell, alice: User) -> None:
    known, *_ = [store(alice) for _ in range(101)]
    answer = say(open_bell(alice), type="resume", after=known.id)

    assert len(answer["notifications"]) == 100
    assert answer["has_more"] is True


def test_resume_after_anothers_notification_shows_nothing_of_it(
    open_bell: OpenBell, alice: User, charlie: User
) -> None:
    answer = say(open_bell(charlie), type="resume", after=store(alice).id)

    assert answer == {"type": "missed", "notifications": [], "has_more": False}


# --- What the user's other doors say -------------------------------------------------------------------------


def test_marking_read_reaches_every_bell_of_the_user_and_no_other(
    open_bell: OpenBell, alice: User, charlie: User
) -> None:
    notification = store(alice)
    tabs, strangers = [open_bell(alice), open_bell(alice)], open_bell(charlie)
    marking.mark_read(alice.id, notification.id)

    for tab in tabs:
        assert hear(tab) == {"type": "read", "ids": [notification.id], "unread_count": 0}
    assert is_silent(strangers)


def test_a_notification_reaches_the_bell_as_it_was_published(open_bell: OpenBell, alice: User) -> None:
    socket = open_bell(alice)
    published = {"type": "notification", "notification": {"title": "Grüße 🔔"}, "unread_count": 3}
    bell.publish([(alice.id, published)])

    assert hear(socket) == published


def test_a_burst_for_one_bell_arrives_whole_and_in_order(open_bell: OpenBell, alice: User) -> None:
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
    open_bell: OpenBell, alice: User, before_publishing: Callable[..., None]
) -> None:
    socket = open_bell(alice)
    before_publishing(lambda: process_event(2, alice))
    process_event(1, alice)

    assert [(frame["type"], frame["unread_count"]) for frame in (hear(socket), hear(socket))] == [
        ("notification", 2),
        ("notification", 2),
    ]


def test_a_mark_that_an_event_overtakes_does_not_take_the_event_from_the_count(
    open_bell: OpenBell, alice: User, before_publishing: Callable[..., None]
) -> None:
    notification, socket = store(alice), open_bell(alice)
    before_publishing(lambda: process_event(1, alice))
    marking.mark_read(alice.id, notification.id)

    assert hear(socket)["unread_count"] == 1
    assert hear(socket) == {"type": "read", "ids": [notification.id], "unread_count": 1}


def test_a_bell_that_opens_while_it_rings_keeps_the_count_of_its_hello(
    dial: Dial, open_bell: OpenBell, alice: User, before_publishing: Callable[..., None]
) -> None:
    notification, newcomers = store(alice), []

    def open_after_another() -> None:
        store(alice)
        newcomers.append(dial(issue_token(alice)))
        assert hear(newcomers[0])["unread_count"] == 1

    before_publishing(open_after_another)
    marking.mark_read(alice.id, notification.id)
    assert hear(newcomers[0])["unread_count"] == 1


def test_a_hidden_bell_knows_the_count_of_what_it_did_not_show(open_bell: OpenBell, alice: User) -> None:
    socket = open_bell(alice)
    Flag.objects.update(everyone=False)
    assert hear(socket) == {"type": "disabled"}
    counted_at = time.time()
    bell.publish([(alice.id, {"type": "notification", "unread_count": 2})], counted_at=counted_at)
    bell.publish([(alice.id, {"type": "read", "ids": [], "unread_count": 1})], counted_at=counted_at - 1)

    assert hear(socket) == {"type": "read", "ids": [], "unread_count": 2}


# --- Flag and switch -----------------------------------------------------------------------------------------


def test_an_open_bell_hides_and_shows_itself_with_the_flag(open_bell: OpenBell, alice: User) -> None:
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
    open_bell: OpenBell, alice: User, charlie: User, flag_on: Flag
) -> None:
    stays, goes = open_bell(alice), open_bell(charlie)
    flag_on.users.add(alice)
    Flag.objects.update(everyone=None)

    assert hear(goes) == {"type": "disabled"}
    assert is_silent(stays)
    flag_on.users.clear()


# --- When something goes away --------------------------------------------------------------------------------


def test_bells_survive_a_restart_of_redis_and_resync(
    open_bell: OpenBell, alice: User, charlie: User, servers: Servers, web: Web
) -> None:
    before = open_bell(alice)
    servers.valkey.stop()
    store(charlie)
    meanwhile = open_bell(charlie)  # hello comes from PostgreSQL
    assert is_silent(before)
    servers.valkey.start()

    for socket, user in ((before, alice), (meanwhile, charlie)):
        assert hear(socket) == {"type": "resync"}
        ring(user.id, "afterwards")
        assert hear(socket)["notification"]["title"] == "afterwards"
    assert "Traceback" not in web.log.read_text()
