from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import dispatch, retries
from delivery.errors import DeadToken, PermanentFailure
from delivery.models import DIGEST, Delivery, State
from delivery.outcomes import ACCEPTED
from delivery.retries import Retried
from delivery.transports import apns, fcm
from preferences.catalog import Channel
from preferences.decisions import Reason
from tests.delivery.providers import Provider, attempt
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def failed(user, **changes) -> Delivery:
    return delivery(user, **{"state": State.FAILED, "attempts": 8, "provider_error": "MessageRejected", **changes})


def retry(*deliveries) -> Retried:
    return retries.retry(Delivery.objects.filter(id__in=[one.id for one in deliveries]))


def test_a_failed_delivery_is_due_at_once_with_all_its_attempts(alice):
    mail = failed(alice)
    assert retry(mail) == Retried(called=1)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.provider_error) == (State.PENDING, 0, "MessageRejected")
    assert mail.due_at <= timezone.now()


def test_workers_are_called_after_the_commit(alice, woken, django_capture_on_commit_callbacks):
    mail = failed(alice)
    with django_capture_on_commit_callbacks(execute=True):
        retry(mail)
        assert not woken
    assert woken == [mail.id]


@pytest.mark.parametrize("state", sorted(set(State) - {State.FAILED}))
def test_what_has_not_failed_is_left_alone(alice, state):
    mail = delivery(alice, state=state)
    assert retry(mail) == Retried(not_failed=1)
    assert states(mail) == [state]


def test_what_is_too_old_stays_as_it_is(alice):
    old, young = failed(alice, occurred_at=timezone.now() - 5 * HOUR), failed(alice)
    assert retry(old, young) == Retried(called=1, too_old=1)
    assert states(old, young) == [State.FAILED, State.PENDING]


def test_somebody_else_may_be_faster(alice, monkeypatch):
    mail = failed(alice)

    def load(_):
        Delivery.objects.filter(id=mail.id).update(state=State.SENDING)
        return {}

    monkeypatch.setattr("delivery.recipients.load", load)
    assert retry(mail) == Retried(not_failed=1)
    assert states(mail) == [State.SENDING]


def test_every_batch_is_worked_through(alice):
    mails = [failed(alice) for _ in range(5)]
    called = [retried.called for retried in retries.retry_in_batches(retries.find(), batch=2)]
    assert called == [2, 2, 1]
    assert set(states(*mails)) == {State.PENDING}


def test_a_dry_run_says_the_same_and_changes_nothing(alice):
    mails = [failed(alice), failed(alice, occurred_at=timezone.now() - 5 * HOUR)]
    assert list(retries.retry_in_batches(retries.find(), dry_run=True)) == [Retried(called=1, too_old=1)]
    assert states(*mails) == [State.FAILED, State.FAILED]


def test_a_batch_costs_the_same_whatever_its_size(alice, django_assert_max_num_queries):
    for _ in range(20):
        failed(alice)
    with django_assert_max_num_queries(12):
        retries.retry(retries.find())


def test_a_device_that_took_it_or_is_gone_is_not_asked_again(alice):
    answers = {"tablet": ACCEPTED, "old phone": "UNREGISTERED", "phone": "SENDER_ID_MISMATCH"}
    push = failed(alice, channel=Channel.PUSH, devices=answers)
    retry(push)
    push.refresh_from_db()
    assert push.devices == {"tablet": ACCEPTED, "old phone": "UNREGISTERED"}


def test_every_word_for_a_dead_token_is_known():
    dead = {code for table in (apns._FAILURES, fcm._FAILURES) for code, kind in table.items() if kind is DeadToken}
    assert dead | {ACCEPTED} == retries.ANSWERS_FOR_GOOD


def test_a_digest_takes_its_items_with_it_but_not_what_was_read(alice, provider):
    digest = delivery(alice, type=DIGEST, title="refused")
    items = [delivery(alice, state=State.HELD, digest=digest) for _ in range(2)]
    attempt(Provider(refused=PermanentFailure("MessageRejected")), digest)
    dispatch.cancel([items[1].notification_id])
    assert retry(digest) == Retried(called=1)
    assert states(digest, *items) == [State.PENDING, State.HELD, State.HELD]
    attempt(provider, digest)
    assert states(digest, *items) == [State.SENT, State.SENT, State.SUPPRESSED]


def test_what_a_digest_gathered_is_retried_by_its_digest(alice):
    digest = failed(alice, type=DIGEST)
    items = [failed(alice, digest=digest, occurred_at=timezone.now() - 5 * HOUR) for _ in range(2)]
    assert set(retries.find()) == {digest}
    assert retry(*items) == Retried(called=1)
    assert states(digest, *items) == [State.PENDING, State.HELD, State.HELD]


def test_what_was_read_since_is_not_sent(alice, provider):
    mail = failed(alice)
    dispatch.cancel([mail.notification_id])
    retry(mail)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


def test_what_is_unread_again_is_sent(alice, provider):
    mail = failed(alice)
    dispatch.cancel([mail.notification_id])
    dispatch.restore([mail.notification_id])
    retry(mail)
    attempt(provider, mail)
    assert states(mail) == [State.SENT]


def test_failed_ones_are_found_by_channel_time_and_error(alice):
    mail, push = failed(alice), failed(alice, channel=Channel.PUSH, provider_error="BadTopic")
    old = failed(alice, updated_at=timezone.now() - HOUR)
    delivery(alice)
    assert set(retries.find()) == {mail, push, old}
    assert set(retries.find(channel=Channel.PUSH)) == {push}
    assert set(retries.find(since=timezone.now() - HOUR / 2)) == {mail, push}
    assert set(retries.find(error="MessageRejected")) == {mail, old}


def test_the_sentence_names_what_was_left():
    assert str(Retried(called=2)) == "2 will be tried once more."
    assert str(Retried(too_old=1, not_failed=3)) == (
        "0 will be tried once more. 1 too old to be sent late. 3 not failed: nothing to do."
    )
