from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import answers, attempts, outcomes
from delivery.errors import PermanentFailure, ProviderDown, TransientFailure
from delivery.models import Delivery, State
from delivery.transports.contract import Result
from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel
from tests.delivery.providers import Provider, attempt
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db


# --- What the provider answers -------------------------------------------------------------------------------


def test_what_the_provider_takes_is_sent_under_its_message_id(alice, provider):
    mail = delivery(alice)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_id, mail.lease_until) == (State.SENT, f"message {mail.id}", None)


def test_a_task_that_runs_twice_sends_once(alice, provider):
    mail = delivery(alice)
    attempt(provider, mail)
    attempt(provider, mail)
    assert provider.sent == [mail.id]


def test_one_refused_address_in_a_chunk_harms_no_other(alice):
    first, bad, last = delivery(alice), delivery(alice, title="bad"), delivery(alice)
    attempt(Provider(bad=PermanentFailure("MessageRejected")), first, bad, last)
    assert states(first, bad, last) == [State.SENT, State.FAILED, State.SENT]
    bad.refresh_from_db()
    assert bad.provider_error == "MessageRejected"


def test_a_word_of_the_provider_that_no_column_takes_is_shortened_and_not_asked_for_again_and_again(alice):
    mail = delivery(alice, title="bad")
    attempt(Provider(bad=PermanentFailure("No\0" + "o" * 300)), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_error) == (State.FAILED, "No" + "o" * 98)


def test_a_transient_failure_is_tried_again_later(alice):
    mail = delivery(alice, title="bad")
    attempt(Provider(bad=TransientFailure("greylisted", retry_after=timedelta(minutes=3))), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.provider_error) == (State.PENDING, 1, "greylisted")
    assert mail.due_at >= timezone.now() + timedelta(minutes=2, seconds=59)


def test_attempts_of_its_own_come_to_an_end(alice):
    mail = delivery(alice, title="bad", attempts=OUTBOUND[Channel.EMAIL].max_attempts - 1)
    attempt(Provider(bad=TransientFailure("greylisted")), mail)
    assert states(mail) == [State.FAILED]


def test_what_every_worker_died_of_comes_to_an_end_too_and_alone(alice, provider):
    poison, mail = delivery(alice, attempts=OUTBOUND[Channel.EMAIL].max_attempts), delivery(alice)
    attempt(provider, poison, mail)
    assert provider.sent == [mail.id]
    poison.refresh_from_db()
    assert (poison.state, poison.provider_error) == (State.FAILED, outcomes.WORKER_LOST)


def test_a_digest_that_every_worker_died_of_takes_along_what_it_gathers(alice, provider):
    digest = delivery(alice, type="digest", attempts=OUTBOUND[Channel.EMAIL].max_attempts)
    item = delivery(alice, state=State.HELD, digest=digest)
    attempt(provider, digest)
    assert states(digest, item) == [State.FAILED, State.FAILED]


# --- Whose it is meanwhile -----------------------------------------------------------------------------------


def test_what_is_not_due_or_not_of_the_channel_is_left_alone(alice, provider):
    later = delivery(alice, due_at=timezone.now() + timedelta(hours=1))
    push = delivery(alice, channel=Channel.PUSH)
    attempt(provider, later, push)
    assert provider.sent == []
    assert states(later, push) == [State.PENDING, State.PENDING]


def test_what_another_worker_holds_is_left_alone(alice, provider):
    mail = delivery(alice, state=State.SENDING, lease_until=timezone.now() + timedelta(minutes=5))
    attempt(provider, mail)
    assert provider.sent == []


def test_a_fault_of_ours_gives_back_what_was_claimed(alice):
    def no_transport():
        raise RuntimeError

    mail = delivery(alice)
    with pytest.raises(RuntimeError):
        attempts.attempt(Channel.EMAIL, [mail.id], no_transport)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.PENDING, 0)


def test_an_answer_that_comes_after_the_lease_changes_nothing(alice):
    mail = delivery(alice)

    class Slow(Provider):
        def send(self, chunk):
            # Meanwhile the lease ran out, and another worker has it.
            Delivery.objects.filter(id=mail.id).update(state=State.SENT, attempts=2, provider_id="theirs")
            yield from super().send(chunk)

    attempt(Slow(), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_id) == (State.SENT, "theirs")


def test_nor_does_one_that_comes_while_the_row_is_claimed_anew_after_a_retry_that_counts_from_the_start(alice):
    mail = delivery(alice)
    begun_anew = {"attempts": 1, "lease_until": timezone.now() + timedelta(hours=1)}

    class Slow(Provider):
        def send(self, chunk):
            for outgoing in chunk:
                Delivery.objects.filter(id=mail.id).update(**begun_anew)
                yield Result(outgoing, ProviderDown("ServiceUnavailable"))

    attempt(Slow(), mail)
    assert Delivery.objects.filter(id=mail.id, state=State.SENDING, **begun_anew).exists()


def test_a_worker_whose_lease_is_about_to_end_asks_for_no_more(alice, monkeypatch):
    monkeypatch.setattr(attempts, "LEASE", timedelta(seconds=1))
    mails = [delivery(alice), delivery(alice)]
    provider = Provider()
    attempt(provider, *mails)
    assert provider.sent == []
    assert states(*mails) == [State.PENDING, State.PENDING]


def test_an_answer_does_not_wait_on_record_for_another_that_stays_out(alice, monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", timedelta())
    answered, silent = delivery(alice), delivery(alice)
    meanwhile: list[list[str]] = []

    class OneStaysOut(Provider):
        def send(self, chunk):
            first, second = chunk
            yield from super().send([first])
            yield None
            meanwhile.append(states(answered, silent))
            yield from super().send([second])

    attempt(OneStaysOut(), answered, silent)
    assert meanwhile == [[State.SENT, State.SENDING]]
    assert states(answered, silent) == [State.SENT, State.SENT]
