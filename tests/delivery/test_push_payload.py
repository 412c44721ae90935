import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import push_payload
from delivery.models import Delivery
from delivery.push_payload import LARGEST_APNS, LARGEST_FCM, Push, for_apns, for_fcm, shorten, size
from delivery.transports.contract import Outgoing

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
FAMILY = "👨‍👩‍👧‍👦"
ARABIC = "علّقت سارة على صفحة الأسعار "
AWKWARD = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from([FAMILY, "🇩🇪", "é", "👍🏽", '"', "\\"]))
TEXT = st.lists(AWKWARD, min_size=1, max_size=60).flatmap(lambda parts: st.integers(1, 120).map("".join(parts).__mul__))


def push(**changes):
    usual = {
        "notification_id": "ntf_0000000000000001",
        "type": "comment_added",
        "title": "New comment",
        "body": "Sarah Kim commented on 'Update pricing page'",
        "badge": 3,
        "url": "https://app.example.com/tasks/tsk_456",
        "thread": "task:tsk_456",
        "expires_at": NOW + timedelta(minutes=15),
    }
    return Push(**{**usual, **changes})


def outgoing(**changes):
    usual = {
        "notification_id": "ntf_0000000000000001",
        "type": "task_assigned",
        "title": "New task",
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "occurred_at": NOW,
    }
    return Outgoing(Delivery(**{**usual, **changes}), user=None, badge=3)


def test_apns_gets_an_alert_with_badge_thread_and_link():
    assert for_apns(push()) == {
        "aps": {
            "alert": {"title": "New comment", "body": "Sarah Kim commented on 'Update pricing page'"},
            "badge": 3,
            "sound": "default",
            "thread-id": "task:tsk_456",
        },
        "notification_id": "ntf_0000000000000001",
        "type": "comment_added",
        "url": "https://app.example.com/tasks/tsk_456",
    }


def test_fcm_gets_the_same_in_its_own_words():
    message = for_fcm(push(), now=NOW)
    assert message["notification"]["title"] == "New comment"
    assert message["data"]["url"] == "https://app.example.com/tasks/tsk_456"
    assert message["data"]["thread"] == "task:tsk_456"
    assert message["android"]["collapse_key"] == "ntf_0000000000000001"
    assert message["android"]["ttl"] == "900s"
    assert message["android"]["notification"] == {"tag": "ntf_0000000000000001", "notification_count": 3}


def test_a_push_that_is_sent_again_takes_the_place_of_the_first_one_but_not_of_another():
    first, again, other = push(), push(badge=4), push(notification_id="ntf_0000000000000002")
    tags = [for_fcm(each, now=NOW)["android"]["notification"]["tag"] for each in (first, again, other)]
    assert tags[0] == tags[1] != tags[2]


def test_the_link_is_absolute(settings):
    settings.PUBLIC_URL = "https://app.example.com"
    assert push_payload.read(outgoing()).url == "https://app.example.com/tasks/tsk_456"


def test_without_a_resource_there_is_neither_link_nor_thread():
    bare = push_payload.read(outgoing(resource_type="", resource_id="", resource_url=""))
    assert "url" not in for_apns(bare)
    assert "thread-id" not in for_apns(bare)["aps"]
    assert "thread" not in for_fcm(bare, now=NOW)["data"]


def test_it_expires_with_its_type():
    read = push_payload.read(outgoing())
    assert read.seconds_to_live(NOW + timedelta(minutes=14)) == 60
    assert read.seconds_to_live(NOW + timedelta(hours=1)) == 0


def test_a_long_body_is_shortened_and_the_title_left_alone():
    alert = for_apns(push(body="word " * 2000))["aps"]["alert"]
    assert alert["title"] == "New comment"
    assert alert["body"].startswith("word word")
    assert alert["body"].endswith("word…")


def test_as_much_of_the_body_goes_out_as_fits():
    assert LARGEST_APNS - 3 <= size(for_apns(push(body="x" * 5000))) <= LARGEST_APNS
    assert LARGEST_FCM - 3 <= size(for_fcm(push(body="x" * 5000), now=NOW)) <= LARGEST_FCM


def test_the_title_is_shortened_last():
    alert = for_apns(push(title="🇩🇪" * 1000, body="word " * 2000))["aps"]["alert"]
    assert len(alert["body"].encode()) > 100
    assert alert["title"].endswith("🇩🇪…")


def test_a_link_that_would_leave_no_room_is_left_out():
    read = push_payload.read(outgoing(resource_url="/" + "ü" * 1999))
    assert read.url == ""


def test_text_goes_out_unescaped_since_escapes_cost_room():
    body = for_apns(push(body=ARABIC * 200))["aps"]["alert"]["body"]
    assert len(body.encode()) > 3500


@pytest.mark.parametrize("whole", [FAMILY, "👍🏽", "🇩🇪", "é", "각", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "कि"])
def test_what_is_seen_as_one_character_stays_together(whole):
    cuts = {shorten(whole * 20, weight).removesuffix("…") for weight in range(60, 100)}
    assert all(cut == whole * (len(cut) // len(whole)) for cut in cuts)


def test_one_character_that_is_too_long_is_cut_all_the_same():
    assert shorten("e" + "\u0301" * 5000, 100) == "e" + "\u0301" * 48 + "…"


@given(title=TEXT, body=TEXT, thread=TEXT.map(lambda text: text[:100]), badge=st.integers(0, 10**9))
def test_no_push_is_too_large_and_none_loses_its_texts(title, body, thread, badge):
    sent = push(title=title, body=body, thread=thread, badge=badge, url="https://a.example/" + "x" * 1980)
    apns, fcm = for_apns(sent), for_fcm(sent, now=NOW)
    assert size(apns) <= LARGEST_APNS
    assert size(fcm) <= LARGEST_FCM
    for texts in (apns["aps"]["alert"], fcm["notification"]):
        assert is_beginning(texts["title"], of=title)
        assert is_beginning(texts["body"], of=body)


def is_beginning(shown, *, of):
    beginning = shown.removesuffix("…")
    return shown == of or (shown.endswith("…") and beginning and of.startswith(beginning))


@given(text=TEXT, weight=st.integers(3, 400))
def test_a_shortened_text_has_no_more_bytes_than_it_may(text, weight):
    assert len(json.dumps(shorten(text, weight), ensure_ascii=False).encode()) - 2 <= weight
