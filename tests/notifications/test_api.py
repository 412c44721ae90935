import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest
from django.db import transaction
from waffle.models import Switch

from notifications.models import Notification
from preferences import rollout
from preferences.authentication import issue_token
from tests.notifications.rows import NOON, read_at, stored
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller, details, refusal

UNKNOWN = "ntf_----------------"
MALFORMED = [
    "x",
    "ntf_",
    "ntf_short",
    UNKNOWN + "0",
    UNKNOWN + "%0A",
    "%00",
    "ntf_%00%00",
    "%ED%A0%80",
    "ntf_ä",
    "preferences0",
]


@pytest.fixture
def call(alice) -> Caller:
    return Caller(alice)


def place(notification_id: str, action: str = "") -> str:
    return f"{NOTIFICATIONS}/{notification_id}{action and '/' + action}"


# --- The list ------------------------------------------------------------------------------------------------


def test_the_answer_has_the_fields_of_the_seed(call, alice):
    row = stored(alice)
    answer = call.get().json()
    assert answer.keys() == {"notifications", "cursor", "has_more", "unread_count"}
    assert [item["id"] for item in answer["notifications"]] == [row]
    assert (answer["cursor"], answer["has_more"], answer["unread_count"]) == (None, False, 1)
    assert answer["notifications"][0].keys() == {
        "id", "type", "title", "body", "actor", "resource", "read_at", "created_at"
    }  # fmt: skip


def test_a_page_has_25_unless_told_otherwise(call, alice):
    for _ in range(26):
        stored(alice)
    assert len(call.get().json()["notifications"]) == 25
    assert len(call.get(f"{NOTIFICATIONS}?limit=1").json()["notifications"]) == 1
    assert len(call.get(f"{NOTIFICATIONS}?limit=100").json()["notifications"]) == 26


def test_the_unread_count_is_that_of_the_whole_inbox(call, alice):
    stored(alice), stored(alice), stored(alice, read_at=NOON)
    assert call.get(f"{NOTIFICATIONS}?status=read&limit=1").json()["unread_count"] == 2


def test_a_cursor_leads_through_the_filtered_list_while_rows_arrive(call, alice):
    ids = [stored(alice, minutes=minute) for minute in range(5)]
    address, seen = f"{NOTIFICATIONS}?status=unread&limit=2", []
    answer = call.get(address).json()
    while answer["has_more"]:
        seen += [item["id"] for item in answer["notifications"]]
        stored(alice, minutes=100)
        answer = call.get(f"{address}&cursor={answer['cursor']}").json()
    assert seen + [item["id"] for item in answer["notifications"]] == ids[::-1]
    assert answer["cursor"] is None


def test_a_cursor_looks_like_the_seeds(call, alice):
    stored(alice), stored(alice)
    cursor = call.get(f"{NOTIFICATIONS}?limit=1").json()["cursor"]
    assert base64.urlsafe_b64decode(cursor + "===").startswith(b'{"id":"ntf_')


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.0", "1_0", "%D9%A1", "1e1", "9" * 5000, "%00"])
def test_a_bad_limit_is_named(call, limit):
    assert details(call.get(f"{NOTIFICATIONS}?limit={limit}")).keys() == {"limit"}


@pytest.mark.parametrize("status", ["new", "", "UNREAD", "%00", "%ED%A0%80"])
def test_a_bad_status_is_named(call, status):
    assert details(call.get(f"{NOTIFICATIONS}?status={status}")).keys() == {"status"}


@pytest.mark.parametrize("cursor", ["", "x", "%00", "%ED%A0%80", "eyJpZCI6Im50Zl8", "x" * 5000])
def test_a_bad_cursor_is_named(call, cursor):
    assert details(call.get(f"{NOTIFICATIONS}?cursor={cursor}")).keys() == {"cursor"}


def test_every_bad_parameter_is_named_at_once(call):
    assert details(call.get(f"{NOTIFICATIONS}?limit=0&status=new")).keys() == {"limit", "status"}


def test_a_cursor_of_another_user_or_filter_is_refused(call, alice, charlie):
    stored(alice), stored(alice)
    cursor = call.get(f"{NOTIFICATIONS}?limit=1").json()["cursor"]
    assert details(Caller(charlie).get(f"{NOTIFICATIONS}?cursor={cursor}")).keys() == {"cursor"}
    assert details(call.get(f"{NOTIFICATIONS}?status=unread&cursor={cursor}")).keys() == {"cursor"}


def test_an_inbox_is_not_kept_in_caches(call):
    assert call.get()["Cache-Control"] == "private, no-store"


# --- One notification ----------------------------------------------------------------------------------------


def test_one_notification_is_the_one_of_the_list(call, alice):
    row = stored(alice)
    assert call.get(place(row)).json() == call.get().json()["notifications"][0]


def test_reading_twice_answers_the_first_time(call, alice):
    row = stored(alice)
    first = call.patch(place(row, "read"))
    assert first.json().keys() == {"id", "read_at"}
    assert datetime.fromisoformat(first.json()["read_at"]) == read_at(row)
    assert call.patch(place(row, "read")).json() == first.json()


def test_unread_takes_reading_back(call, alice):
    row = stored(alice, read_at=NOON)
    assert call.patch(place(row, "unread")).json() == {"id": row, "read_at": None}
    assert read_at(row) is None


def test_foreign_unknown_and_malformed_ids_are_not_told_apart(alice, charlie):
    row, stranger = stored(alice), Caller(charlie)
    answers = {stranger.get(place(one)).content for one in [row, UNKNOWN, *MALFORMED]}
    assert len(answers) == 1
    assert refusal(stranger.get(place(row))) == (404, "NOT_FOUND")


@pytest.mark.parametrize("action", ["read", "unread"])
def test_nobody_marks_what_is_not_theirs(alice, charlie, action):
    row, stranger = stored(alice), Caller(charlie)
    for one in [row, UNKNOWN, *MALFORMED]:
        assert refusal(stranger.patch(place(one, action))) == (404, "NOT_FOUND")
    assert read_at(row) is None


# --- All at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, {}])
def test_everything_is_marked(call, alice, body):
    stored(alice), stored(alice, read_at=NOON)
    answer = call.post(place("read-all"), body).json()
    assert answer.keys() == {"updated", "unread_count", "undo_id"}
    assert (answer["updated"], answer["unread_count"]) == (1, 0)


def test_what_is_newer_than_the_watermark_stays_unread(call, alice):
    seen, new = stored(alice), stored(alice, minutes=1)
    answer = call.post(place("read-all"), {"up_to": seen}).json()
    assert (answer["updated"], answer["unread_count"], read_at(new)) == (1, 1, None)


def test_an_unknown_or_foreign_watermark_is_not_found(call, charlie):
    for up_to in (UNKNOWN, stored(charlie)):
        refused = call.post(place("read-all"), {"up_to": up_to})
        assert refusal(refused) == (404, "NOT_FOUND")
        assert refused.json()["error"]["details"] == {"up_to": "is no notification of yours"}


@pytest.mark.parametrize("up_to", [5, None, True, [], {}, "", "x", "ntf_\x00", UNKNOWN + "\n"])
def test_a_watermark_that_is_no_id_is_named(call, alice, up_to):
    row = stored(alice)
    assert details(call.post(place("read-all"), {"up_to": up_to})).keys() == {"up_to"}
    assert read_at(row) is None


def test_a_mistyped_key_does_not_mark_everything(call, alice):
    row = stored(alice)
    assert details(call.post(place("read-all"), {"upto": row})) == {"upto": "unknown key"}
    assert read_at(row) is None


def test_undo_makes_unread_again(call, alice):
    row = stored(alice)
    undo_id = call.post(place("read-all")).json()["undo_id"]
    assert call.post(place("read-all", "undo"), {"undo_id": undo_id}).json() == {"unread_count": 1}
    assert read_at(row) is None


def test_an_undo_of_another_or_of_ones_own_making_is_not_found(call, alice, charlie):
    stored(alice)
    undo_id = call.post(place("read-all")).json()["undo_id"]
    for caller, one in [(Caller(charlie), undo_id), (call, undo_id[:-1]), (call, "ü"), (call, "x" * 9000)]:
        refused = caller.post(place("read-all", "undo"), {"undo_id": one})
        assert refusal(refused) == (404, "NOT_FOUND")
        assert refused.json()["error"]["details"] == {"undo_id": "is unknown, or its 60 seconds are over"}


@pytest.mark.parametrize(
    "body", [None, {}, {"undo_id": None}, {"undo_id": 5}, {"undo_id": ""}, {"undo_id": []}, {"undo_id": "\0"}]
)
def test_an_undo_without_an_id_is_named(call, body):
    assert details(call.post(place("read-all", "undo"), body)).keys() == {"undo_id"}


# --- The bell ------------------------------------------------------------------------------------------------


def test_the_bell_knows_its_number_and_its_socket(call, alice, settings):
    settings.PUBLIC_URL = "https://app.example.com"
    stored(alice)
    assert call.get(place("bell")).json() == {
        "enabled": True,
        "unread_count": 1,
        "websocket_url": "wss://app.example.com/ws/notifications",
    }


def test_the_bell_hides_from_who_is_not_in_the_rollout(call, flag_on):
    flag_on.everyone = False
    flag_on.save()
    rollout.forget()
    assert call.get(place("bell")).json()["enabled"] is False


def test_the_bell_hides_when_the_switch_is_pulled_and_the_inbox_still_reads(call, alice):
    stored(alice)
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)
    rollout.forget()
    assert call.get(place("bell")).json()["enabled"] is False
    assert len(call.get().json()["notifications"]) == 1


# --- In the web process --------------------------------------------------------------------------------------


def bearer(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(user)}"}


def test_a_body_without_a_length_is_read_too(web, alice):
    pieces = iter([b'{"email_digest":', b'"never"}'])
    headers = {**bearer(alice), "Content-Type": "application/json"}
    answer = httpx.put(f"{web.base_url}{PREFERENCES}", content=pieces, headers=headers)
    assert answer.json()["email_digest"] == "never"


def test_calls_that_wait_for_the_database_hold_up_nobody_else(web, alice, bob):
    row = stored(alice)
    address = f"{web.base_url}{place(row, 'read')}"
    with ThreadPoolExecutor() as threads:
        with transaction.atomic():
            Notification.objects.select_for_update().get(id=row)
            waiting = [threads.submit(httpx.patch, address, headers=bearer(alice), timeout=30) for _ in range(3)]
            assert httpx.get(f"{web.base_url}{NOTIFICATIONS}", headers=bearer(bob)).status_code == 200
            assert not any(each.done() for each in waiting)
        assert {each.result().json()["read_at"] for each in waiting} != {None}


def test_many_at_once_mark_a_row_once(web, alice):
    address = f"{web.base_url}{place(stored(alice), 'read')}"
    with ThreadPoolExecutor(20) as threads:
        answers = threads.map(lambda headers: httpx.patch(address, headers=headers, timeout=30), [bearer(alice)] * 20)
        times = [answer.json()["read_at"] for answer in answers]
    assert len(set(times)) == 1


def test_a_limit_is_exact_when_many_call_at_once(web, alice):
    address, headers = f"{web.base_url}{place('read-all')}", bearer(alice)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: httpx.post(address, headers=headers, timeout=30), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [429] * 20
