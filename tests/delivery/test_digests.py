from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone
from waffle.models import Switch

from delivery import attempts, digests, dispatch
from delivery.models import DIGEST, Delivery, State
from preferences import people, rollout
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.delivery.rows import delivery, states
from tests.delivery.test_attempts import Provider

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def woken(monkeypatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr(dispatch, "wake", lambda due: ids.extend(delivery.id for delivery in due))
    return ids


@pytest.fixture(autouse=True)
def _daily(alice, bob):
    User.objects.update(notification_preferences={"email_digest": "daily"})


def held(user, *, for_hours=-1, **changes) -> Delivery:
    return delivery(user, state=State.HELD, due_at=timezone.now() + for_hours * HOUR, **changes)


def made() -> list[Delivery]:
    return list(Delivery.objects.filter(type=DIGEST).order_by("id"))


def test_what_is_due_becomes_one_digest_a_user(alice, bob, woken):
    first, second, bobs, later = held(alice), held(alice), held(bob), held(alice, for_hours=1)
    assert digests.collect() == 2
    of_alice, of_bob = sorted(made(), key=lambda digest: digest.user_id != alice.id)
    assert set(of_alice.items.all()) == {first, second}
    assert set(of_bob.items.all()) == {bobs}
    assert {of_alice.id, of_bob.id} == set(woken)
    assert states(later) == [State.HELD]


def test_collecting_again_makes_nothing_twice(alice):
    held(alice)
    assert [digests.collect(), digests.collect()] == [1, 0]


def test_what_several_periods_left_while_beat_was_down_comes_in_one_mail(alice):
    items = {held(alice, for_hours=-5), held(alice, for_hours=-3), held(alice, for_hours=-1)}
    assert digests.collect() == 1
    assert set(made()[0].items.all()) == items


def test_what_is_stored_after_its_digest_was_made_waits_for_the_next(alice):
    first = held(alice)
    digests.collect()
    late = delivery(alice, state=State.HELD, due_at=first.due_at)
    assert digests.collect() == 0
    late.refresh_from_db()
    assert late.due_at > timezone.now()


def test_a_digest_that_is_sent_settles_what_it_gathers(alice):
    items = [held(alice), held(alice)]
    digests.collect()
    provider = Provider()
    attempts.attempt(Channel.EMAIL, [made()[0].id], lambda: provider)
    assert states(*items, *made()) == [State.SENT] * 3


def test_a_digest_leaves_out_what_was_read_meanwhile(alice):
    read, unread = held(alice), held(alice)
    digests.collect()
    dispatch.cancel([read.notification_id])
    provider = Provider()
    attempts.attempt(Channel.EMAIL, [made()[0].id], lambda: provider)
    assert states(read, unread) == [State.SUPPRESSED, State.SENT]


def test_a_digest_with_nothing_left_is_never_sent(alice):
    item = held(alice)
    digests.collect()
    dispatch.cancel([item.notification_id])
    provider = Provider()
    attempts.attempt(Channel.EMAIL, [made()[0].id], lambda: provider)
    assert provider.sent == []
    assert (made()[0].state, made()[0].reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


def test_never_lets_nothing_out_of_what_is_held(alice):
    waiting, gathered = held(alice, for_hours=1), held(alice)
    digests.collect()
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.NEVER))
    digests.collect()
    provider = Provider()
    attempts.attempt(Channel.EMAIL, [made()[0].id], lambda: provider)
    assert provider.sent == []
    assert states(waiting, gathered, *made()) == [State.SUPPRESSED] * 3
    waiting.refresh_from_db()
    assert waiting.reason == Reason.DIGEST_NEVER


def test_another_frequency_moves_what_is_held(alice):
    item = held(alice, for_hours=100)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.HOURLY))
    digests.collect()
    item.refresh_from_db()
    assert timezone.now() < item.due_at <= timezone.now() + HOUR


def test_who_turns_to_immediate_mail_gets_what_is_held_in_one_last_digest(alice):
    items = [held(alice, for_hours=100), held(alice, for_hours=200)]
    people.store_choices(alice.id, Choices())
    assert digests.collect() == 1
    assert set(made()[0].items.all()) == set(items)


def test_a_type_that_is_turned_off_leaves_the_digest(alice):
    off, on = held(alice, type="mentioned", for_hours=1), held(alice, for_hours=1)
    people.store_choices(
        alice.id,
        Choices(overrides={"mentioned": {Channel.EMAIL: False}}, email_digest=DigestFrequency.WEEKLY),
    )
    digests.collect()
    assert states(off, on) == [State.SUPPRESSED, State.HELD]


@pytest.mark.parametrize(
    ("zone", "day", "digest_time", "utc"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC), time(2, 30), "01:00"),  # skipped: 2:00 becomes 3:00
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC), time(2, 30), "00:30"),  # twice: the first counts
        ("Asia/Kolkata", datetime(2026, 6, 1, tzinfo=UTC), time(9), "03:30"),
    ],
)
def test_exactly_one_daily_digest_over_a_day_whatever_the_clocks_do(alice, zone, day, digest_time, utc):
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.DAILY, timezone=zone, digest_time=digest_time))
    choice = Choices(email_digest=DigestFrequency.DAILY, timezone=zone, digest_time=digest_time)
    with time_machine.travel(day - timedelta(hours=2), tick=False) as clock:
        item = delivery(
            alice, state=State.HELD, due_at=choice.next_digest_at(timezone.now()), updated_at=timezone.now()
        )
        User.objects.update(preferences_changed_at=None)
        counts = []
        for _ in range(24 * 4):
            clock.shift(timedelta(minutes=15))
            counts.append(digests.collect())
    assert sum(counts) == 1
    assert f"{item.due_at:%H:%M}" == utc


def test_what_comes_due_under_the_kill_switch_goes_into_one_mail_after_its_release(alice, flag_on):
    turn_kill_switch(on=True)
    items = {held(alice, for_hours=-5), held(alice, for_hours=-1)}
    assert digests.collect() == 0
    assert states(*items) == [State.HELD] * 2
    turn_kill_switch(on=False)
    assert digests.collect() == 1
    assert set(made()[0].items.all()) == items


def turn_kill_switch(*, on: bool) -> None:
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": on})
    rollout.forget()
