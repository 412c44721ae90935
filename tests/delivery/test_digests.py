from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone
from waffle.models import Switch

from delivery import attempts, delivery_metrics, digests, dispatch, recipients, shutdown
from delivery.dispatch import Due
from delivery.models import DIGEST, Delivery, State
from delivery.recheck import decide_again
from preferences import people, rollout
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from telemetry import metrics
from telemetry.metric_catalog import Metric
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


@pytest.fixture
def decided_again(monkeypatch) -> list[Delivery]:
    """What was decided about again."""
    found: list[Delivery] = []

    def note(channel, delivery, recipient, now):
        found.append(delivery)
        return decide_again(channel, delivery, recipient, now)

    monkeypatch.setattr(digests, "decide_again", note)
    return found


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
    assert set(made()[-1].items.all()) == {item}


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


def test_a_worker_that_is_to_stop_makes_no_more(alice, monkeypatch):
    item = held(alice)
    monkeypatch.setattr(shutdown, "has_begun", lambda: True)
    assert digests.collect() == 0
    assert states(item) == [State.HELD]


# --- Many at once --------------------------------------------------------------------------------------------------


def test_what_does_not_fit_into_one_transaction_is_made_in_the_next(alice, bob, monkeypatch):
    monkeypatch.setattr(digests, "_USERS", 1)
    calls = []
    monkeypatch.setattr(dispatch, "wake", calls.append)
    held(alice), held(bob)
    assert digests.collect() == 2
    assert calls == [[Due(digest.id, Channel.EMAIL)] for digest in made()]


def test_each_is_looked_at_once_however_many_are_looked_at_in_one_go(alice, decided_again, monkeypatch):
    monkeypatch.setattr(digests, "_ITEMS", 1)
    items = [held(alice, for_hours=100, id=number) for number in (1, 2, 3)]
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.WEEKLY))
    digests.reconsider()
    assert decided_again == items


def test_nothing_is_made_for_those_of_whom_nothing_is_held(alice, bob, monkeypatch):
    held(alice), delivery(bob, state=State.SENT)
    assert digests.collect() == 1
    monkeypatch.setattr(digests, "_make", lambda periods: pytest.fail(f"{periods} are over"))
    assert digests.collect() == 0


def test_what_comes_due_this_very_moment_is_due(alice):
    with time_machine.travel(datetime(2026, 3, 4, 9, tzinfo=UTC), tick=False):
        held(alice, for_hours=0)
        assert digests.collect() == 1


def test_a_user_and_a_period_make_the_same_id_in_every_process_and_every_release():
    period = digests.Period(UUID(int=1), datetime(2026, 3, 5, 9, tzinfo=UTC))
    assert period.notification_id == "dig_PZekc7i9sRQfAj-n"


# --- Changed choices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [Choices(email_digest=DigestFrequency.WEEKLY), Choices()])
def test_what_was_moved_is_not_looked_at_again(alice, decided_again, choices):
    item = held(alice, for_hours=1)
    people.store_choices(alice.id, choices)
    User.objects.update(preferences_changed_at=timezone.now())  # without the overlap
    digests.reconsider()
    digests.reconsider()
    assert decided_again == [item]


def test_what_was_sent_or_is_in_a_digest_is_not_decided_about_again(alice, decided_again):
    held(alice), delivery(alice, state=State.SENT)
    digests.collect()
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.NEVER))
    digests.reconsider()
    assert decided_again == []


@pytest.mark.parametrize(("days", "is_found"), [(7, True), (9, False)])
def test_choices_are_looked_for_as_long_as_beat_may_have_been_down(alice, decided_again, days, is_found):
    held(alice, for_hours=1, updated_at=timezone.now() - timedelta(days=30))
    User.objects.update(preferences_changed_at=timezone.now() - timedelta(days=days))
    digests.reconsider()
    assert bool(decided_again) == is_found


def test_what_is_taken_out_of_a_digest_is_counted_and_dated(alice, monkeypatch):
    counted = []
    monkeypatch.setattr(delivery_metrics, "suppressed", lambda *what: counted.append(what))
    item = held(alice, for_hours=1)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.NEVER))
    digests.reconsider()
    assert counted == [(item, Reason.DIGEST_NEVER)]
    assert Delivery.objects.get().updated_at > item.updated_at


def test_digests_are_counted(alice, bob, monkeypatch):
    counted = []
    monkeypatch.setattr(metrics, "count", lambda *what, **_: counted.append(what))
    held(alice), held(bob)
    digests.collect()
    assert counted == [(Metric.DIGESTS_MADE, 2)]


@pytest.mark.parametrize("choices", [Choices(email_digest=DigestFrequency.NEVER), Choices()])
def test_what_is_read_while_it_is_looked_at_stays_read(alice, monkeypatch, choices):
    item = held(alice, for_hours=1)
    people.store_choices(alice.id, choices)
    meanwhile(monkeypatch, lambda: dispatch.cancel([item.notification_id]))
    digests.reconsider()
    left = Delivery.objects.get()
    assert (left.state, left.reason, left.due_at) == (State.SUPPRESSED, Reason.ALREADY_READ, item.due_at)


def test_what_a_digest_takes_while_it_is_looked_at_stays_in_it(alice, monkeypatch):
    item, digest = held(alice, for_hours=1), delivery(alice, type=DIGEST)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.NEVER))
    meanwhile(monkeypatch, lambda: Delivery.objects.filter(id=item.id).update(digest=digest))
    digests.reconsider()
    assert states(item) == [State.HELD]


def meanwhile(monkeypatch, happens) -> None:
    """Have something happen between the look at what is held and the decision about it."""

    def load(user_ids):
        happens()
        return known(user_ids)

    known = recipients.load
    monkeypatch.setattr(recipients, "load", load)
