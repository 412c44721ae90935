"""Whatever is planted, a repair leaves nothing of it."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.models import Delivery
from notifications import ids
from notifications.auditing.findings import Standing
from notifications.models import Decision, Notification, ReceivedEvent
from preferences.catalog import Channel
from preferences.models import User
from tests.notifications.auditing.rounds import PHONE, audited, doubled, process

pytestmark = pytest.mark.django_db

_numbers = itertools.count(1)


def _right_id(event: ReceivedEvent, user: User) -> str:
    return ids.for_event(source=event.source, event_id=event.event_id, occurred_at=event.occurred_at)(user.id)


def _lose_notification(event, user):
    Notification.objects.filter(id=_right_id(event, user)).delete()


def _lose_deliveries(event, user):
    Delivery.objects.filter(notification_id=_right_id(event, user)).delete()


def _lose_decision(event, user):
    Decision.objects.filter(event=event, user_id=user.id).delete()


def _double(event, user):
    for row in Notification.objects.filter(id=_right_id(event, user)):
        doubled(Notification.objects.filter(id=row.id), pk=f"ntf_{next(_numbers):016d}")


def _double_push(event, user):
    for row in Delivery.objects.filter(notification_id=_right_id(event, user), channel=Channel.PUSH):
        doubled(Delivery.objects.filter(id=row.id), notification_id=f"ntf_{next(_numbers):016d}")


PLANTS = [_lose_notification, _lose_deliveries, _lose_decision, _double, _double_push]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(st.sampled_from(["immediate", "hourly", "weekly", "never"]), min_size=1, max_size=4),
    events=st.integers(1, 3),
    plants=st.lists(st.tuples(st.sampled_from(PLANTS), st.integers(0, 2), st.integers(0, 3)), unique=True),
    step=st.integers(1, 5),
)
def test_whatever_is_planted_is_repaired_and_every_decision_stands_somewhere(people, events, plants, step):
    for model in (Delivery, Notification, Decision, ReceivedEvent, User):
        model.objects.all().delete()
    users = [
        User.objects.create(
            name="x",
            email=f"{number}@example.com",
            push_tokens=PHONE,
            notification_preferences={"email_digest": choice},
        )
        for number, choice in enumerate(people)
    ]
    received = [process(*users) for _ in range(events)]
    for plant, which, who in plants:
        if which < events and who < len(users):
            plant(received[which], users[who])
    report = audited(repair=True, step=step)
    assert not report.left
    assert not audited(step=step).found
    for channel in Channel:
        assert report.decided(channel) == len(users) * events
        assert report.tally[channel, Standing.UNACCOUNTED] == 0
