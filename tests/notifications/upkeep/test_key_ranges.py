from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import ids
from notifications.models import Notification, ReceivedEvent
from notifications.upkeep import key_ranges
from tests.notifications.rows import NOON, stored

pytestmark = pytest.mark.django_db


def walk(**options) -> list[tuple[str, str, int]]:
    spans = key_ranges.walk("notifications", **{"time": "created_at", "limit": 2, "start": "", **options})
    return [(str(span.after), str(span.last), span.rows) for span in spans]


def test_every_row_is_in_one_range(alice):
    ids_ = [stored(alice) for _ in range(5)]
    assert walk() == [("", ids_[1], 2), (ids_[1], ids_[3], 2), (ids_[3], ids_[4], 1)]
    assert walk(start=ids_[3]) == [(ids_[3], ids_[4], 1)]


def test_keys_from_the_bound_on_are_left_out(alice):
    a, b, _ = (stored(alice) for _ in range(3))
    assert walk(below=b) == [("", a, 1)]
    assert walk(below=ids.floor(NOON)) == []


def test_a_range_tells_its_oldest_row(alice):
    for minutes in (5, 3, 4):
        stored(alice, minutes=minutes)
    (span,) = key_ranges.walk("notifications", time="created_at", limit=9, start="")
    assert span.oldest == NOON + timedelta(minutes=3)


def test_what_the_caller_deletes_or_adds_does_no_harm(alice):
    first = stored(alice)
    seen = []
    for span in key_ranges.walk("notifications", time="created_at", limit=1, start=""):
        seen.append(span.last)
        Notification.objects.filter(id=span.last).delete()
        if len(seen) == 1:
            second = stored(alice)
    assert seen == [first, second]


def test_a_table_with_numbers_for_keys_is_walked_from_zero():
    now = timezone.now()
    for number in range(3):
        ReceivedEvent.objects.create(
            source="/tests", event_id=str(number), type="mentioned", occurred_at=now, path="sqs", payload={}
        )
    assert [span.rows for span in key_ranges.walk("received_events", time="received_at", limit=2)] == [2, 1]
