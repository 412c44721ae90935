"""SES's reports in any order, twice, and before our own record of the mail."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from delivery import suppressions
from delivery.models import DIGEST, SesMessage, State, SuppressedAddress
from delivery.transports.contract import Result
from preferences.decisions import Reason
from tests.delivery.providers import attempt
from tests.delivery.rows import delivery, fresh, states, suppressed
from tests.delivery.sns import DELAYED, DELIVERED, OK, UNAVAILABLE, bounce, event, message, notification, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_topic", "nothing_is_fetched")]


@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.FAILED])
def test_ses_knows_better_than_a_worker_that_lost_its_answer(alice, state):
    lost = delivery(alice, state=state, lease_until=datetime.now(UTC), attempts=1)
    post(message(event("Delivery", delivery_id=lost.id, provider_id="0100-lost", **DELIVERED)))
    assert (fresh(lost).state, lost.provider_id, lost.lease_until) == (State.DELIVERED, "0100-lost", None)


@pytest.mark.parametrize("state", [State.HELD, State.SUPPRESSED])
def test_what_was_never_sent_is_not_delivered(alice, state):
    row = delivery(alice, state=state)
    assert post(message(event("Delivery", delivery_id=row.id, **DELIVERED))) == OK
    assert states(row) == [state]


def test_what_was_read_while_a_worker_that_died_had_it_is_not_left_out_for_that_once_ses_reports_on_it(alice):
    mail = delivery(alice, reason=Reason.ALREADY_READ, attempts=1)
    post(message(event("Delivery", delivery_id=mail.id, **DELIVERED)))
    assert (fresh(mail).state, mail.reason) == (State.DELIVERED, "")


def test_a_late_delivered_does_not_undo_a_bounce(sent):
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    assert post(message(event("Delivery", delivery_id=sent.id, **DELIVERED))) == OK
    assert states(sent) == [State.BOUNCED]


def test_a_bounce_may_follow_a_delivered(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    assert states(sent) == [State.BOUNCED]


def test_a_late_delay_leaves_no_note_on_what_has_arrived(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    assert post(message(event("DeliveryDelay", delivery_id=sent.id, **DELAYED))) == OK
    assert (fresh(sent).state, sent.provider_error) == (State.DELIVERED, "")


class ReportsAtOnce:
    """A provider whose report overtakes its answer."""

    def send(self, chunk):
        for outgoing in chunk:
            ids = {"delivery_id": outgoing.delivery.id, "provider_id": "0100-fast"}
            post(message(event("Bounce", **ids, **bounce("alice@example.com"))))
            yield Result(outgoing, "0100-fast")


def test_a_report_that_overtakes_our_record_is_not_overwritten(alice):
    row = delivery(alice)
    attempt(ReportsAtOnce(), row)
    assert (fresh(row).state, row.provider_id, row.lease_until) == (State.BOUNCED, "0100-fast", None)


def test_so_it_is_with_a_digest_and_what_it_gathers(alice):
    digest = delivery(alice, type=DIGEST)
    items = [delivery(alice, state=State.HELD, digest=digest) for _ in range(2)]
    attempt(ReportsAtOnce(), digest)
    assert states(digest, *items) == [State.BOUNCED] * 3


def test_a_report_without_a_tag_waits_for_our_record_of_the_mails_id(alice):
    row = delivery(alice, state=State.SENDING)
    early = message(notification("Bounce", provider_id="0100-fast", **bounce("alice@example.com")))
    assert post(early) == UNAVAILABLE
    assert suppressed() == set()
    row.state, row.provider_id = State.SENT, "0100-fast"
    row.save()
    assert post(early) == OK
    assert (states(row), suppressed()) == ([State.BOUNCED], {"alice@example.com"})


def test_a_report_on_a_mail_that_stays_unknown_is_taken_in_the_end():
    report = notification("Bounce", provider_id="0100-other", **bounce("gone@example.com"))
    assert post(message(report, age=timedelta(seconds=40))) == OK
    assert SuppressedAddress.objects.filter(address_hash=suppressions.address_hash("gone@example.com")).exists()


def test_what_a_digest_gathers_shares_its_fate(alice):
    digest = delivery(alice, type=DIGEST, state=State.SENT)
    item, dropped = (delivery(alice, state=state, digest=digest) for state in (State.SENT, State.SUPPRESSED))
    post(message(event("Delivery", delivery_id=digest.id, **DELIVERED)))
    assert states(digest, item, dropped) == [State.DELIVERED, State.DELIVERED, State.SUPPRESSED]
    post(message(event("Bounce", delivery_id=digest.id, **bounce("alice@example.com"))))
    assert states(digest, item, dropped) == [State.BOUNCED, State.BOUNCED, State.SUPPRESSED]


def test_a_message_is_applied_once(report):
    twice = message(report)
    assert post(twice) == OK
    SuppressedAddress.objects.all().delete()
    assert post(twice) == OK
    assert suppressed() == set()


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_twice_at_once_is_applied_once(report):
    repeated, all_there = message(report), threading.Barrier(4)

    def deliver(_):
        all_there.wait(timeout=60)
        try:
            return post(repeated)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as sns:
        assert list(sns.map(deliver, range(4))) == [OK] * 4
    assert SesMessage.objects.count() == 1
