"""What was read before it went out, and is unread again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import dispatch
from delivery.errors import ProviderDown, TransientFailure
from delivery.models import DIGEST, Delivery, State
from preferences import people
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from tests.delivery.providers import Provider, ReadMeanwhile, attempt
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db


def choose(user, frequency: DigestFrequency) -> None:
    people.store_choices(user.id, Choices(email_digest=frequency))


def read_and_unread(*mails: Delivery) -> None:
    ids = [mail.notification_id for mail in mails]
    dispatch.cancel(ids)
    dispatch.restore(ids)


def test_a_mail_that_waits_for_its_provider_does_not_turn_into_a_digest(alice):
    mail = delivery(alice, title="waits")
    attempt(Provider(waits=ProviderDown("Away")), mail)
    read_and_unread(mail)
    assert states(mail) == [State.PENDING]


def test_a_mail_that_was_put_off_to_a_digest_comes_with_that_and_not_with_the_next(alice):
    mail = delivery(alice, title="waits")
    choose(alice, DigestFrequency.HOURLY)
    attempt(Provider(waits=ProviderDown("Away")), mail)
    mail.refresh_from_db()
    read_and_unread(mail)
    assert Delivery.objects.filter(id=mail.id, state=State.HELD, due_at=mail.due_at).exists()


def test_a_held_mail_of_somebody_who_wants_no_digest_any_more_goes_out_at_once(alice):
    mail = delivery(alice, state=State.HELD, due_at=timezone.now() + timedelta(days=6))
    choose(alice, DigestFrequency.IMMEDIATE)
    read_and_unread(mail)
    assert Delivery.objects.filter(id=mail.id, state=State.PENDING, due_at__lte=timezone.now()).exists()


def test_what_a_digest_has_gathered_that_nobody_has_begun_with_goes_out_with_it(alice):
    item = delivery(alice, state=State.HELD, digest=delivery(alice, type=DIGEST))
    read_and_unread(item)
    item.refresh_from_db()
    assert (item.state, item.reason) == (State.HELD, "")


@pytest.mark.parametrize("state", [State.SENDING, State.SENT])
def test_what_went_out_without_it_does_not_get_it_back(alice, state):
    digest = delivery(alice, type=DIGEST, state=state)
    item = delivery(alice, state=State.HELD, digest=digest)
    read_and_unread(item)
    assert states(item) == [State.SUPPRESSED]


def test_what_was_read_while_its_digest_had_failed_is_in_it_when_that_is_tried_once_more(alice):
    digest = delivery(alice, type=DIGEST)
    item = delivery(alice, state=State.HELD, digest=digest, reason=Reason.ALREADY_READ)
    dispatch.restore([item.notification_id])
    item.refresh_from_db()
    assert (item.state, item.reason) == (State.HELD, "")


def test_what_is_unread_again_goes_out_after_all(alice, bob, provider):
    choose(bob, DigestFrequency.HOURLY)
    soon = timezone.now() + timedelta(hours=1)
    mail, held = delivery(alice), delivery(bob, state=State.HELD, due_at=soon)
    read_and_unread(mail, held)
    attempt(provider, mail)
    assert states(mail, held) == [State.SENT, State.HELD]


def test_what_was_read_in_a_workers_hand_and_is_unread_again_is_tried_again(alice, provider):
    mail = delivery(alice, title="bad")
    attempt(ReadMeanwhile(bad=TransientFailure("later")), mail)
    dispatch.restore([mail.notification_id])
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    attempt(provider, mail)
    assert states(mail) == [State.SENT]
