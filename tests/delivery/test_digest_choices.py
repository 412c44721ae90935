"""What is held for a digest while its person comes to want something else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import delivery_metrics, digests, dispatch, recipients
from delivery.models import DIGEST, Delivery, State
from preferences import people
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.delivery.providers import attempt
from tests.delivery.rows import delivery, digests_made, held, states

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("daily_readers", "woken")]


def test_never_lets_nothing_out_of_what_is_held(alice, provider):
    waiting, gathered = held(alice, for_hours=1), held(alice)
    digests.collect()
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.NEVER))
    digests.collect()
    attempt(provider, digests_made()[0])
    assert provider.sent == []
    assert states(waiting, gathered, *digests_made()) == [State.SUPPRESSED] * 3
    waiting.refresh_from_db()
    assert waiting.reason == Reason.DIGEST_NEVER


def test_another_frequency_moves_what_is_held(alice):
    item = held(alice, for_hours=100)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.HOURLY))
    digests.collect()
    item.refresh_from_db()
    assert timezone.now() < item.due_at <= timezone.now() + timedelta(hours=1)


def test_who_turns_to_immediate_mail_gets_what_is_held_in_one_last_digest(alice):
    items = [held(alice, for_hours=100), held(alice, for_hours=200)]
    people.store_choices(alice.id, Choices())
    assert digests.collect() == 1
    assert set(digests_made()[0].items.all()) == set(items)


def test_a_type_that_is_turned_off_leaves_the_digest(alice):
    off, on = held(alice, type="mentioned", for_hours=1), held(alice, for_hours=1)
    people.store_choices(
        alice.id,
        Choices(overrides={"mentioned": {Channel.EMAIL: False}}, email_digest=DigestFrequency.WEEKLY),
    )
    digests.collect()
    assert states(off, on) == [State.SUPPRESSED, State.HELD]


# --- What is looked at ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [Choices(email_digest=DigestFrequency.WEEKLY), Choices()])
def test_what_was_moved_is_not_looked_at_again(alice, decided_again, choices):
    item = held(alice, for_hours=1)
    people.store_choices(alice.id, choices)
    User.objects.update(preferences_changed_at=timezone.now())  # without the overlap
    digests.reconsider()
    digests.reconsider()
    assert decided_again == [item]


def test_each_is_looked_at_once_however_many_are_looked_at_in_one_go(alice, decided_again, monkeypatch):
    monkeypatch.setattr(digests, "_ITEMS", 1)
    items = [held(alice, for_hours=100, id=number) for number in (1, 2, 3)]
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.WEEKLY))
    digests.reconsider()
    assert decided_again == items


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


# --- What happens in the midst of it -------------------------------------------------------------------------


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
