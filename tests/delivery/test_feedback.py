"""What SES reports becomes of a delivery."""

import logging

import pytest

from delivery import suppressions
from delivery.models import State, SuppressedAddress
from preferences.catalog import Channel
from tests.delivery.rows import delivery, fresh, states, suppressed
from tests.delivery.sns import DELAYED, DELIVERED, OK, UNTRUSTED, bounce, complaint, event, message, notification, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_topic", "nothing_is_fetched")]


def test_a_delivery_is_delivered(sent):
    assert post(message(event("Delivery", delivery_id=sent.id, **DELIVERED))) == OK
    assert states(sent) == [State.DELIVERED]


def test_a_permanent_bounce_suppresses_the_address(sent, alice):
    assert post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com")))) == OK
    assert (fresh(sent).state, sent.provider_error) == (State.BOUNCED, "Bounce, Permanent, General")
    assert suppressions.of([alice.id]) == {alice.id}
    assert SuppressedAddress.objects.get().cause == SuppressedAddress.Cause.BOUNCE


@pytest.mark.parametrize("kind", ["Transient", "Undetermined"])
def test_a_bounce_that_may_be_over_tomorrow_is_only_noted(sent, kind):
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com", kind, "MailboxFull"))))
    assert (fresh(sent).state, sent.provider_error) == (State.SENT, f"Bounce, {kind}, MailboxFull")
    assert suppressed() == set()


def test_a_complaint_suppresses_the_address_and_tells_that_the_mail_arrived(sent):
    post(message(event("Complaint", delivery_id=sent.id, **complaint("alice@example.com"))))
    assert states(sent) == [State.DELIVERED]
    assert SuppressedAddress.objects.get().cause == SuppressedAddress.Cause.COMPLAINT


def test_a_complaint_before_ses_sent_anything_means_that_it_did_not_arrive(sent):
    report = complaint("alice@example.com", "", "OnAccountSuppressionList")
    post(message(event("Complaint", delivery_id=sent.id, **report)))
    assert (states(sent), suppressed()) == ([State.BOUNCED], {"alice@example.com"})


def test_that_it_is_no_spam_suppresses_nobody(sent):
    assert post(message(event("Complaint", delivery_id=sent.id, **complaint("alice@example.com", "not-spam")))) == OK
    assert (states(sent), suppressed()) == ([State.SENT], set())


def test_a_delay_is_noted_with_its_time(sent):
    before = sent.updated_at
    post(message(event("DeliveryDelay", delivery_id=sent.id, **DELAYED)))
    assert (fresh(sent).state, sent.provider_error) == (State.SENT, "DeliveryDelay, MailboxFull")
    assert sent.updated_at > before


def test_a_complaint_about_a_mail_that_arrived_is_noted(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    post(message(event("Complaint", delivery_id=sent.id, **complaint("alice@example.com"))))
    assert (fresh(sent).state, sent.provider_error) == (State.DELIVERED, "Complaint, abuse")


def test_a_mail_that_ses_took_and_rejected_did_not_arrive(sent):
    post(message(event("Reject", delivery_id=sent.id, reject={"reason": "Bad content"})))
    assert (fresh(sent).state, sent.provider_error) == (State.BOUNCED, "Reject, Bad content")
    assert suppressed() == set()


@pytest.mark.parametrize("kind", ["Send", "Open", "Click", "Rendering Failure", "Subscription", "Something New"])
def test_what_is_none_of_our_concern_is_taken_and_left(sent, kind):
    assert post(message(event(kind, delivery_id=sent.id))) == OK
    assert states(sent) == [State.SENT]


@pytest.mark.parametrize(
    "text",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed."},
    ],
    ids=["event publishing", "identity"],
)
def test_the_messages_by_which_ses_tries_a_topic_are_taken(text):
    assert post(message(text)) == OK


# --- Whose it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "details", "state"),
    [("Delivery", DELIVERED, State.DELIVERED), ("Bounce", bounce("alice@example.com"), State.BOUNCED)],
)
def test_without_a_tag_the_mail_is_known_by_the_id_that_ses_gave_it(sent, kind, details, state):
    post(message(notification(kind, provider_id="0100-ses-1", **details)))
    assert states(sent) == [state]


def test_nothing_happens_to_other_deliveries(report, bob):
    others = [delivery(bob, state=State.SENT), delivery(bob, state=State.SENT, provider_id="0100-ses-2")]
    assert post(message(report)) == OK
    assert states(*others) == [State.SENT, State.SENT]


def test_a_push_is_no_mail(alice):
    push = delivery(alice, channel=Channel.PUSH, state=State.SENT, provider_id="0100-ses-1")
    assert post(message(event("Delivery", delivery_id=push.id, **DELIVERED))) == OK
    assert states(push) == [State.SENT]


def test_what_is_suppressed_is_the_address_that_bounced_and_not_the_new_one(sent, alice):
    alice.email = "alice@new.example.com"
    alice.save()
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    assert suppressed() == {"alice@example.com"}
    assert suppressions.of([alice.id]) == set()


def test_an_address_bounces_also_for_someone_who_was_erased_and_leaves_its_hash_alone(db):
    assert post(message(event("Bounce", delivery_id=99, **bounce("gone@example.com")))) == OK
    row = SuppressedAddress.objects.get()
    assert (row.address, bytes(row.address_hash)) == (None, suppressions.address_hash("gone@example.com"))


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Alice Moreau <Alice@Example.com>", "alice@example.com"),
        ("alice@xn--mnchen-3ya.example", "alice@münchen.example"),
    ],
)
def test_the_address_is_recognised_however_ses_writes_it(sent, alice, written, stored):
    alice.email = stored
    alice.save()
    post(message(event("Bounce", delivery_id=sent.id, **bounce(written))))
    assert suppressions.of([alice.id]) == {alice.id}


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b\x00c", "<>", "a" * 300 + "@example.com", "(" * 900, None, 5, ["a@b.c"]]
)
def test_what_a_foreign_server_calls_an_address_and_is_none_suppresses_nobody(sent, address):
    assert post(message(event("Bounce", delivery_id=sent.id, **bounce(address)))) == OK
    assert (states(sent), suppressed()) == ([State.BOUNCED], set())


# --- What is logged ------------------------------------------------------------------------------------------


def test_logs_name_the_delivery_and_no_address(report, sent, caplog):
    with caplog.at_level(logging.INFO):
        assert post(message(report)) == OK
        assert post(message(report, TopicArn="arn:alice@example.com")) == UNTRUSTED
    assert [record.delivery_id for record in caplog.records if record.msg == "mail reported on"] == [sent.id]
    assert "example.com" not in "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("delivery")
    )
