"""Attempts while the provider throttles or is away, and where a lane has a limit."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from delivery import lanes
from delivery.errors import ProviderDown, Throttled
from delivery.models import Delivery, State
from preferences.catalog import Channel
from tests.delivery.providers import Provider, attempt
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db
#: What a lane with a limit of one a second grants at first.
BURST = int(lanes.BURST.total_seconds())


def test_a_throttle_pauses_the_lane_and_uses_up_no_attempt(alice):
    bad, later = delivery(alice, title="bad"), delivery(alice)
    provider = Provider(bad=Throttled("Throttling", retry_after=timedelta(seconds=30)))
    attempt(provider, bad, later)
    assert provider.sent == [bad.id]
    assert list(Delivery.objects.values_list("state", "attempts")) == [(State.PENDING, 0)] * 2
    assert lanes.is_blocked(Channel.EMAIL)


def test_an_outage_closes_the_lane_and_uses_up_no_attempt(alice):
    mails = [delivery(alice, title="bad") for _ in range(lanes.OUTAGES_TO_CLOSE + 3)]
    provider = Provider(bad=ProviderDown("ServiceUnavailable"))
    attempt(provider, *mails)
    assert len(provider.sent) == lanes.OUTAGES_TO_CLOSE
    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.PENDING, 0)}
    attempt(provider, *mails)
    assert len(provider.sent) == lanes.OUTAGES_TO_CLOSE


def test_what_meets_a_closed_lane_is_called_for_again_when_it_may_be_open(alice, provider):
    mail = delivery(alice)
    lanes.pause(Channel.EMAIL, timedelta(seconds=30))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.PENDING, 0)
    assert timezone.now() < mail.due_at <= timezone.now() + timedelta(minutes=1)


def test_one_success_opens_the_lane(alice, provider):
    for _ in range(lanes.OUTAGES_TO_CLOSE - 1):
        lanes.report_outage(Channel.EMAIL)
    attempt(provider, delivery(alice))
    assert not lanes.report_outage(Channel.EMAIL)


# --- With a limit --------------------------------------------------------------------------------------------


def test_a_lane_with_a_limit_takes_what_it_grants_and_the_rest_gets_its_turn(alice, provider, limit):
    limit(1)
    mails = [delivery(alice) for _ in range(BURST + 3)]
    attempt(provider, *mails)
    assert len(provider.sent) == BURST
    assert Delivery.objects.filter(state=State.PENDING, due_at__gt=timezone.now()).count() == 3


def test_no_more_is_claimed_than_was_granted_however_postgresql_plans_it(alice, provider, limit):
    limit(1)
    mails = [delivery(alice) for _ in range(BURST + 3)]
    with connection.cursor() as cursor:
        for plan in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            cursor.execute(f"SET LOCAL enable_{plan} = off")
    attempt(provider, *mails)
    assert len(provider.sent) == BURST


def test_workers_send_what_the_bucket_grants_and_the_rest_waits_for_its_turn(limit, alice, provider):
    limit(1)
    mails = [delivery(alice) for _ in range(BURST + 10)]
    attempt(provider, *mails)
    assert len(provider.sent) == BURST
    waiting = Delivery.objects.exclude(id__in=provider.sent)
    assert set(waiting.values_list("state", "attempts")) == {(State.PENDING, 0)}
    due = waiting.values_list("due_at", flat=True)
    assert min(due) > timezone.now() + timedelta(seconds=8)


def test_what_is_too_old_takes_no_room_from_what_is_new(limit, alice, provider):
    limit(0.01)  # room for one
    hours = timedelta(hours=5)
    stale = [delivery(alice, occurred_at=timezone.now() - hours, due_at=timezone.now() - hours) for _ in range(5)]
    fresh = delivery(alice)
    attempt(provider, *stale, fresh)
    assert provider.sent == [fresh.id]
    assert set(Delivery.objects.exclude(id=fresh.id).values_list("state", "reason")) == {(State.SUPPRESSED, "stale")}


def test_a_digest_is_never_too_old(limit, alice, provider):
    long_ago = timezone.now() - timedelta(days=2)
    digest = delivery(alice, type="digest", occurred_at=long_ago)
    delivery(alice, state=State.HELD, occurred_at=long_ago, digest=digest)
    attempt(provider, digest)
    assert provider.sent == [digest.id]
