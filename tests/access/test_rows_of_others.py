"""What a caller may name but not touch: the rows of others, and fields that no call takes."""

from typing import Any

import pytest

from notifications import cursors, marking
from notifications.inbox import Position, Status
from notifications.models import Notification
from preferences import push_tokens, unsubscribe
from preferences.models import User
from preferences.push_tokens import Platform
from tests.cloudevents import event_for
from tests.notifications.rows import NOON, read_at, stored
from tests.preferences.services import service
from tests.rest import NOTIFICATIONS, PREFERENCES, PUSH_TOKENS, Caller, details, refusal

pytestmark = pytest.mark.django_db

#: Fields of our tables, and what other frameworks would take for an order.
EXTRA = [
    "id", "user", "user_id", "users.is_staff", "is_staff", "is_superuser", "is_active", "email", "password", "groups",
    "read_at", "created_at", "locale", "push_tokens", "notification_preferences", "_method", "__proto__",
    "constructor", "$where", "registered_at",
]  # fmt: skip
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "preferences": ("PUT", PREFERENCES, {"email_digest": "daily"}),
    "some preferences": ("PATCH", PREFERENCES, {"email_digest": "daily"}),
    "push token": ("POST", PUSH_TOKENS, {"platform": "android", "token": "t", "device_id": "phone"}),
    "read-all": ("POST", f"{NOTIFICATIONS}/read-all", {}),
    "undo": ("POST", f"{NOTIFICATIONS}/read-all/undo", {"undo_id": "x"}),
}


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("call", BODIES)
def test_a_field_that_a_call_does_not_take_is_refused(alice, charlie, call, extra):
    method, path, body = BODIES[call]
    before = User.objects.filter(id__in=[alice.id, charlie.id]).order_by("id").values()
    before, row = list(before), stored(alice)
    refused = Caller(alice)(method, path, {**body, extra: str(charlie.id)})
    assert any(extra in field for field in details(refused))
    assert list(User.objects.filter(id__in=[alice.id, charlie.id]).order_by("id").values()) == before
    assert read_at(row) is None


@pytest.mark.parametrize("action", ["read", "unread"])
def test_a_call_without_a_body_takes_none(alice, charlie, action):
    row, body = stored(alice), {"id": stored(charlie), "user_id": str(charlie.id), "read_at": "2001-01-01T00:00:00Z"}
    before = list(Notification.objects.order_by("id").values())
    assert details(Caller(alice)("PATCH", f"{NOTIFICATIONS}/{row}/{action}", body)).keys() == {"body"}
    assert list(Notification.objects.order_by("id").values()) == before


def test_an_event_says_nothing_of_how_it_is_kept(settings, alice, charlie):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    event = event_for(alice, received_at="2001-01-01", path="replay", user_id=str(charlie.id))
    event["data"]["actor"] = {"id": str(charlie.id), "name": "The Boss", "email": "x", "is_staff": True}
    assert service().post("/api/v1/events", event).json() == {"accepted": 1, "rejected": []}
    charlie.refresh_from_db()
    assert (charlie.name, charlie.is_staff) == ("Charlie Lindqvist", False)


def test_the_last_of_two_keys_counts_and_is_checked(alice):
    body = b'{"email_digest": "daily", "email_digest": "every second"}'
    assert details(Caller(alice)("PUT", PREFERENCES, body)).keys() == {"email_digest"}


# --- Ids of others -------------------------------------------------------------------------------------------


def ids_of(user: User) -> list[str]:
    """Ways to write the id of somebody's notification."""
    row = stored(user)
    return [
        row,
        row.lower(),
        row.upper(),
        f"{row}%00",
        f"{row}%20",
        f"./{row}",
        f"x%2f..%2f{row}",
        f"{row};",
        f"{row}.",
    ]


@pytest.mark.parametrize("call", ["GET ", "GET /explanation", "PATCH /read", "PATCH /unread"])
def test_no_way_to_write_anothers_id_reaches_the_row(alice, charlie, call):
    method, _, action = call.partition(" ")
    for written in ids_of(charlie):
        assert Caller(alice)(method, f"{NOTIFICATIONS}/{written}{action}").status_code == 404, written
    assert not Notification.objects.filter(read_at__isnull=False).exists()


def test_the_answer_for_anothers_row_is_that_for_none(alice, charlie):
    theirs = Caller(alice).get(f"{NOTIFICATIONS}/{stored(charlie)}")
    nobodys = Caller(alice).get(f"{NOTIFICATIONS}/ntf_0000000000000000")
    assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)


def test_anothers_cursor_undo_and_watermark_are_good_for_nobody_else(alice, charlie):
    row = stored(charlie)
    cursor = cursors.encode(Position(NOON, row), user_id=charlie.id, status=Status.ALL)
    undo = marking.mark_all_read(charlie.id, up_to=None).undo_id
    assert details(Caller(alice).get(f"{NOTIFICATIONS}?cursor={cursor}"))
    assert refusal(Caller(alice).post(f"{NOTIFICATIONS}/read-all/undo", {"undo_id": undo})) == (404, "NOT_FOUND")
    assert refusal(Caller(alice).post(f"{NOTIFICATIONS}/read-all", {"up_to": row})) == (404, "NOT_FOUND")
    assert read_at(row) is not None


def test_nobody_forgets_anothers_phone(alice, charlie):
    push_tokens.register(charlie.id, platform=Platform.ANDROID, token="t", device_id="phone")
    assert Caller(alice)("DELETE", f"{PUSH_TOKENS}/phone").status_code == 204
    charlie.refresh_from_db()
    assert len(charlie.push_tokens) == 1


def test_what_is_signed_for_one_thing_is_good_for_no_other(alice, charlie):
    undo_id = Caller(alice).post(f"{NOTIFICATIONS}/read-all", {}).json()["undo_id"]
    link = unsubscribe.link(alice.id, None).rpartition("/")[2]
    assert Caller()("GET", f"/email/unsubscribe/{undo_id}").status_code == 404
    assert refusal(Caller(alice).post(f"{NOTIFICATIONS}/read-all/undo", {"undo_id": link})) == (404, "NOT_FOUND")
    assert refusal(Caller(authorization=f"Bearer {link}").get()) == (401, "UNAUTHORIZED")
