"""What is not wanted any more, or not so, when its turn comes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import dispatch, suppressions
from delivery.errors import PermanentFailure, ProviderDown, TransientFailure
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.contract import Result
from preferences import people, push_tokens
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from preferences.push_tokens import Platform
from tests.delivery.providers import Provider, ReadMeanwhile, attempt
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, Reason.INACTIVE_USER),
        ({"email": None}, Reason.NO_EMAIL_ADDRESS),
        ({"notification_preferences": {"email_digest": "never"}}, Reason.DIGEST_NEVER),
        ({"notification_preferences": {"preferences": {"task_assigned": {"email": False}}}}, Reason.PREFERENCE_OFF),
    ],
)
def test_a_change_of_mind_or_person_is_honoured_at_the_last_moment(alice, provider, change, reason):
    mail = delivery(alice)
    User.objects.filter(id=alice.id).update(**change)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, reason)
    assert provider.sent == []


def test_a_suppressed_address_gets_nothing(alice, provider):
    mail = delivery(alice)
    suppressions.add("Alice@example.com", SuppressedAddress.Cause.BOUNCE)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.reason == Reason.ADDRESS_SUPPRESSED


def test_what_is_too_old_is_stale_and_not_sent_late(alice, provider):
    mail = delivery(alice, occurred_at=timezone.now() - timedelta(hours=5))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.STALE)


@pytest.fixture
def half_sent(alice) -> Delivery:
    """A push that one phone has, while another's provider was away."""
    for number in (1, 2):
        push_tokens.register(alice.id, platform=Platform.IOS, token=f"{number:064x}", device_id=f"phone {number}")
    push = delivery(alice, channel=Channel.PUSH, title="half")

    class Half(Provider):
        def send(self, chunk):
            first, second = chunk
            yield Result(first, "taken")
            yield Result(second, ProviderDown("away"))

    attempt(Half(), push, channel=Channel.PUSH)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    return Delivery.objects.get(id=push.id)


def test_a_push_that_one_phone_has_and_another_must_not_have_any_more_was_sent(half_sent, provider):
    assert half_sent.state == State.PENDING
    Delivery.objects.update(occurred_at=timezone.now() - timedelta(hours=1))
    attempt(provider, half_sent, channel=Channel.PUSH)
    push = Delivery.objects.get()
    assert (push.state, push.reason, push.sent_at) == (State.SENT, "", half_sent.sent_at)
    assert push.sent_at
    assert provider.sent == []


def test_a_push_that_one_phone_has_and_was_read_goes_to_no_other_and_was_sent(half_sent, provider):
    dispatch.cancel([half_sent.notification_id])
    attempt(provider, half_sent, channel=Channel.PUSH)
    assert provider.sent == []
    assert states(half_sent) == [State.SENT]


def test_who_has_chosen_a_digest_meanwhile_gets_it_there(alice, provider):
    mail = delivery(alice)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.DAILY))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.state == State.HELD
    assert mail.due_at > timezone.now()


def test_what_was_read_meanwhile_is_cancelled(alice, provider):
    mail, held, sent = delivery(alice), delivery(alice, state=State.HELD), delivery(alice, state=State.SENT)
    dispatch.cancel([one.notification_id for one in (mail, held, sent)])
    attempt(provider, mail)
    assert states(mail, held, sent) == [State.SUPPRESSED, State.SUPPRESSED, State.SENT]


def test_what_is_read_while_a_worker_has_it_in_hand_is_not_sent_by_a_later_attempt(alice, provider):
    mail = delivery(alice, title="bad")
    attempt(ReadMeanwhile(bad=TransientFailure("later")), mail)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (PermanentFailure("MessageRejected"), State.FAILED, Reason.ALREADY_READ),  # which a retry goes by
        ("message", State.SENT, ""),
    ],
)
def test_what_is_read_in_a_workers_hand_keeps_its_mark_unless_it_went_out(alice, answer, state, reason):
    mail = delivery(alice, title="read")
    attempt(ReadMeanwhile(read=answer), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (state, reason)


def test_a_type_that_the_catalogue_has_dropped_is_not_sent(alice, provider):
    mail = delivery(alice, type="retired")
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.reason == Reason.UNKNOWN_TYPE
