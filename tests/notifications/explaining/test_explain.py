from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from waffle.models import Switch

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications.explaining import explain
from preferences import rollout
from preferences.catalog import CATALOG, Channel
from preferences.decisions import Reason
from preferences.models import User

pytestmark = pytest.mark.django_db
AT_NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ASSIGNED, COMMENT = CATALOG["task_assigned"], CATALOG["comment_added"]
PHONE = {"platform": "ios", "token": "abcd", "device_id": "phone"}


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(AT_NOON, tick=False):
        rollout.forget()
        yield


def change(user, **fields) -> None:
    User.objects.filter(id=user.id).update(**fields)


def sentence(user, type_=ASSIGNED, **options) -> str:
    return explain.explain(type_, user.id, **options).sentence


def test_one_sentence_tells_bell_digest_and_missing_phone(alice):
    change(alice, notification_preferences={"email_digest": "daily", "timezone": "Europe/Berlin"})
    assert sentence(alice) == (
        "Alice Moreau would see it in the bell at once, get it by mail in the daily digest of 09:00 CET on "
        "5 March 2026, and get no push, since no phone is registered."
    )


def test_everything_at_once(alice):
    change(alice, push_tokens=[PHONE])
    assert sentence(alice) == (
        "Alice Moreau would see it in the bell at once, get a mail at once, and get a push at once."
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"is_active": False}, "their account is closed"),
        ({"email": None}, "get no mail, since no mail address of theirs is known"),
        ({"notification_preferences": {"email_digest": "never"}}, "get no mail, since they want no mail at all"),
    ],
)
def test_the_sentence_says_what_is_in_the_way(alice, fields, why):
    change(alice, **fields)
    assert why in sentence(alice)


def test_a_suppressed_address_is_named_as_the_reason(alice):
    suppressions.add("alice@example.com", SuppressedAddress.Cause.BOUNCE)
    assert "get no mail, since their address is suppressed" in sentence(alice)


def test_whoever_did_it_gets_nothing(alice):
    assert sentence(alice, actor_id=alice.id) == "Alice Moreau would get nothing, since they did it themselves."


def test_nobody_gets_nothing_under_their_id():
    nobody = uuid4()
    assert sentence(User(id=nobody)) == f"usr_{nobody.hex} would get nothing, since nobody has this account."


def test_outside_the_rollout_nothing_comes(alice, flag_on):
    flag_on.everyone = False
    flag_on.save()
    rollout.forget()
    assert sentence(alice) == "Alice Moreau would get nothing, since notifications are not turned on for them yet."


def test_what_is_too_old_is_said_with_both_ages(alice):
    change(alice, push_tokens=[PHONE])
    told = sentence(alice, age=timedelta(minutes=20))
    assert "get no push, since 20 minutes after it happened is too late for push, which goes out for 15 minutes" in told


def test_a_choice_and_a_default_are_told_apart(alice):
    change(alice, notification_preferences={"preferences": {"comment_added": {"email": False}}})
    by_channel = {channel.channel: channel for channel in explain.explain(COMMENT, alice.id).channels}
    assert by_channel[Channel.EMAIL].sentence == "“Comment added” is off for mail, as they chose."
    assert by_channel[Channel.PUSH].sentence == "“Comment added” is off for push by default."


def test_another_default_reaches_who_chose_nothing(alice):
    prospect = explain.explain(explain.with_defaults(COMMENT, {Channel.EMAIL: True}), alice.id)
    assert [channel.reason for channel in prospect.channels] == [
        Reason.PREFERENCE_ON,
        Reason.PREFERENCE_ON,
        Reason.PREFERENCE_OFF,
    ]


def test_defaults_that_are_not_named_stay_as_they_are():
    assert explain.with_defaults(ASSIGNED, {Channel.PUSH: False}).channels == {Channel.IN_APP, Channel.EMAIL}


def test_the_switch_is_mentioned_while_it_holds_everything_back(alice):
    assert explain.explain(ASSIGNED, alice.id).caveat == ""
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)
    rollout.forget()
    assert "switched off at the moment" in explain.explain(ASSIGNED, alice.id).caveat


def test_explaining_only_reads_and_asks_little(alice):
    with CaptureQueriesContext(connection) as asked:
        explain.explain(ASSIGNED, alice.id, actor_id=uuid4())
    statements = [query["sql"].split()[0] for query in asked]
    assert set(statements) == {"SELECT"}
    assert len(statements) <= 6
