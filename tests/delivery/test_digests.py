from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from delivery import digests, dispatch, shutdown
from delivery.dispatch import Due
from delivery.models import State
from preferences import people
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from telemetry import metrics
from telemetry.metric_catalog import Metric
from tests.delivery.providers import attempt
from tests.delivery.rows import delivery, digests_made, held, states, turn_kill_switch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("daily_readers", "woken")]


def test_what_is_due_becomes_one_digest_a_user(alice, bob, woken):
    first, second, bobs, later = held(alice), held(alice), held(bob), held(alice, for_hours=1)
    assert digests.collect() == 2
    of_alice, of_bob = sorted(digests_made(), key=lambda digest: digest.user_id != alice.id)
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
    assert set(digests_made()[0].items.all()) == items


def test_what_is_stored_after_its_digest_was_made_waits_for_the_next(alice):
    first = held(alice)
    digests.collect()
    late = delivery(alice, state=State.HELD, due_at=first.due_at)
    assert digests.collect() == 0
    late.refresh_from_db()
    assert late.due_at > timezone.now()


def test_nothing_but_what_is_late_for_its_digest_is_decided_about_again(alice, decided_again):
    first, _sent, _later = held(alice), delivery(alice, state=State.SENT), held(alice, for_hours=1)
    digests.collect()
    late = delivery(alice, state=State.HELD, due_at=first.due_at)
    digests.collect()
    assert decided_again == [late]


def test_what_one_user_is_late_with_moves_nothing_of_another(alice, bob, monkeypatch):
    monkeypatch.setattr(digests, "_USERS", 1)
    early, other = sorted([alice, bob], key=lambda user: user.id)  # as digests are made
    first = held(early)
    digests.collect()
    item = held(other)
    delivery(early, state=State.HELD, due_at=first.due_at)
    assert digests.collect() == 1
    assert set(digests_made()[-1].items.all()) == {item}


def test_a_digest_that_is_sent_settles_what_it_gathers(alice, provider):
    items = [held(alice), held(alice)]
    digests.collect()
    attempt(provider, digests_made()[0])
    assert states(*items, *digests_made()) == [State.SENT] * 3


def test_a_digest_leaves_out_what_was_read_meanwhile(alice, provider):
    read, unread = held(alice), held(alice)
    digests.collect()
    dispatch.cancel([read.notification_id])
    attempt(provider, digests_made()[0])
    assert states(read, unread) == [State.SUPPRESSED, State.SENT]


def test_a_digest_with_nothing_left_is_never_sent(alice, provider):
    item = held(alice)
    digests.collect()
    dispatch.cancel([item.notification_id])
    attempt(provider, digests_made()[0])
    assert provider.sent == []
    assert (digests_made()[0].state, digests_made()[0].reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


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


def test_what_comes_due_this_very_moment_is_due(alice):
    with time_machine.travel(datetime(2026, 3, 4, 9, tzinfo=UTC), tick=False):
        held(alice, for_hours=0)
        assert digests.collect() == 1


def test_a_user_and_a_period_make_the_same_id_in_every_process_and_every_release():
    period = digests.Period(UUID(int=1), datetime(2026, 3, 5, 9, tzinfo=UTC))
    assert period.notification_id == "dig_PZekc7i9sRQfAj-n"


def test_digests_are_counted(alice, bob, monkeypatch):
    counted = []
    monkeypatch.setattr(metrics, "count", lambda *what, **_: counted.append(what))
    held(alice), held(bob)
    digests.collect()
    assert counted == [(Metric.DIGESTS_MADE, 2)]


# --- Held back -----------------------------------------------------------------------------------------------


def test_what_comes_due_under_the_kill_switch_goes_into_one_mail_after_its_release(alice, flag_on):
    turn_kill_switch(on=True)
    items = {held(alice, for_hours=-5), held(alice, for_hours=-1)}
    assert digests.collect() == 0
    assert states(*items) == [State.HELD] * 2
    turn_kill_switch(on=False)
    assert digests.collect() == 1
    assert set(digests_made()[0].items.all()) == items


def test_a_worker_that_is_to_stop_makes_no_more(alice, monkeypatch):
    item = held(alice)
    monkeypatch.setattr(shutdown, "has_begun", lambda: True)
    assert digests.collect() == 0
    assert states(item) == [State.HELD]


# --- Many at once --------------------------------------------------------------------------------------------


def test_what_does_not_fit_into_one_transaction_is_made_in_the_next(alice, bob, monkeypatch):
    monkeypatch.setattr(digests, "_USERS", 1)
    calls = []
    monkeypatch.setattr(dispatch, "wake", calls.append)
    held(alice), held(bob)
    assert digests.collect() == 2
    assert calls == [[Due(digest.id, Channel.EMAIL)] for digest in digests_made()]


def test_nothing_is_made_for_those_of_whom_nothing_is_held(alice, bob, monkeypatch):
    held(alice), delivery(bob, state=State.SENT)
    assert digests.collect() == 1
    monkeypatch.setattr(digests, "_make", lambda periods: pytest.fail(f"{periods} are over"))
    assert digests.collect() == 0
