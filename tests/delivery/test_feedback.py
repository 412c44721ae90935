"""What SES reports becomes of a delivery, and what is not SES's becomes of nothing."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.checks import run_checks
from django.db import connection
from django_ses import utils

from delivery import sns_signatures, suppressions
from delivery.attempts import attempt
from delivery.models import DIGEST, SesMessage, State, SuppressedAddress
from delivery.transports.contract import Result
from preferences.catalog import Channel
from preferences.decisions import Reason
from tests.delivery import sns
from tests.delivery.rows import delivery, states
from tests.delivery.sns import (
    CERTIFICATE_URL,
    DELAYED,
    DELIVERED,
    HOST,
    TOPIC,
    bounce,
    complaint,
    event,
    message,
    notification,
    post,
)

pytestmark = pytest.mark.django_db
OK, INVALID, UNTRUSTED, UNAVAILABLE = 200, 400, 403, 503


@pytest.fixture(autouse=True)
def _topic_and_certificate(settings, monkeypatch):
    settings.SES_FEEDBACK_TOPIC_ARNS = [TOPIC]
    monkeypatch.setattr(utils, "_CERT_CACHE", {CERTIFICATE_URL: sns.certificate()})


@pytest.fixture(autouse=True)
def _nothing_is_fetched(monkeypatch):
    """Tests that fetch something say from where."""

    def refuse(address, **_):
        raise AssertionError(f"fetched {address}")

    monkeypatch.setattr("requests.get", refuse)


@pytest.fixture
def sent(alice):
    return delivery(alice, state=State.SENT, provider_id="0100-ses-1")


def suppressed():
    return set(SuppressedAddress.objects.values_list("address", flat=True))


def the(row):
    row.refresh_from_db()
    return row


# --- What SES reports ----------------------------------------------------------------------------------------


def test_a_delivery_is_delivered(sent):
    assert post(message(event("Delivery", delivery_id=sent.id, **DELIVERED))) == OK
    assert states(sent) == [State.DELIVERED]


def test_a_permanent_bounce_suppresses_the_address(sent, alice):
    assert post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com")))) == OK
    assert (the(sent).state, sent.provider_error) == (State.BOUNCED, "Bounce, Permanent, General")
    assert suppressions.of([alice.id]) == {alice.id}
    assert SuppressedAddress.objects.get().cause == SuppressedAddress.Cause.BOUNCE


@pytest.mark.parametrize("kind", ["Transient", "Undetermined"])
def test_a_bounce_that_may_be_over_tomorrow_is_only_noted(sent, kind):
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com", kind, "MailboxFull"))))
    assert (the(sent).state, sent.provider_error) == (State.SENT, f"Bounce, {kind}, MailboxFull")
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
    post(message(event("Complaint", delivery_id=sent.id, **complaint("alice@example.com", "not-spam"))))
    assert (states(sent), suppressed()) == ([State.SENT], set())


def test_a_delay_is_noted_with_its_time(sent):
    before = sent.updated_at
    post(message(event("DeliveryDelay", delivery_id=sent.id, **DELAYED)))
    assert (the(sent).state, sent.provider_error) == (State.SENT, "DeliveryDelay, MailboxFull")
    assert sent.updated_at > before


def test_a_complaint_about_a_mail_that_arrived_is_noted(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    post(message(event("Complaint", delivery_id=sent.id, **complaint("alice@example.com"))))
    assert (the(sent).state, sent.provider_error) == (State.DELIVERED, "Complaint, abuse")


def test_a_mail_that_ses_took_and_rejected_did_not_arrive(sent):
    post(message(event("Reject", delivery_id=sent.id, reject={"reason": "Bad content"})))
    assert (the(sent).state, sent.provider_error) == (State.BOUNCED, "Reject, Bad content")
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


def test_nothing_happens_to_other_deliveries(sent, bob):
    others = [delivery(bob, state=State.SENT), delivery(bob, state=State.SENT, provider_id="0100-ses-2")]
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    assert states(*others) == [State.SENT, State.SENT]


def test_a_push_is_no_mail(alice):
    push = delivery(alice, channel=Channel.PUSH, state=State.SENT, provider_id="0100-ses-1")
    post(message(event("Delivery", delivery_id=push.id, **DELIVERED)))
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


# --- In any order, and before our own record -----------------------------------------------------------------


@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.FAILED])
def test_ses_knows_better_than_a_worker_that_lost_its_answer(alice, state):
    lost = delivery(alice, state=state, lease_until=datetime.now(UTC), attempts=1)
    post(message(event("Delivery", delivery_id=lost.id, provider_id="0100-lost", **DELIVERED)))
    assert (the(lost).state, lost.provider_id, lost.lease_until) == (State.DELIVERED, "0100-lost", None)


@pytest.mark.parametrize("state", [State.HELD, State.SUPPRESSED])
def test_what_was_never_sent_is_not_delivered(alice, state):
    row = delivery(alice, state=state)
    post(message(event("Delivery", delivery_id=row.id, **DELIVERED)))
    assert states(row) == [state]


def test_what_was_read_while_a_worker_that_died_had_it_is_not_left_out_for_that_once_ses_reports_on_it(alice):
    mail = delivery(alice, reason=Reason.ALREADY_READ, attempts=1)
    post(message(event("Delivery", delivery_id=mail.id, **DELIVERED)))
    assert (the(mail).state, mail.reason) == (State.DELIVERED, "")


def test_a_late_delivered_does_not_undo_a_bounce(sent):
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    assert states(sent) == [State.BOUNCED]


def test_a_bounce_may_follow_a_delivered(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
    assert states(sent) == [State.BOUNCED]


def test_a_late_delay_leaves_no_note_on_what_has_arrived(sent):
    post(message(event("Delivery", delivery_id=sent.id, **DELIVERED)))
    post(message(event("DeliveryDelay", delivery_id=sent.id, **DELAYED)))
    assert the(sent).provider_error == ""


class ReportsAtOnce:
    """A provider whose report overtakes its answer."""

    def send(self, chunk):
        for outgoing in chunk:
            post(
                message(
                    event(
                        "Bounce",
                        delivery_id=outgoing.delivery.id,
                        provider_id="0100-fast",
                        **bounce("alice@example.com"),
                    )
                )
            )
            yield Result(outgoing, "0100-fast")


def test_a_report_that_overtakes_our_record_is_not_overwritten(alice):
    row = delivery(alice)
    attempt(Channel.EMAIL, [row.id], ReportsAtOnce)
    assert (the(row).state, row.provider_id, row.lease_until) == (State.BOUNCED, "0100-fast", None)


def test_so_it_is_with_a_digest_and_what_it_gathers(alice):
    digest = delivery(alice, type=DIGEST)
    items = [delivery(alice, state=State.HELD, digest=digest) for _ in range(2)]
    attempt(Channel.EMAIL, [digest.id], ReportsAtOnce)
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


def test_a_message_is_applied_once(sent):
    report = message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com")))
    assert post(report) == OK
    SuppressedAddress.objects.all().delete()
    assert post(report) == OK
    assert suppressed() == set()


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_twice_at_once_is_applied_once(sent):
    report = message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com")))
    answers = []

    def deliver():
        answers.append(post(report))
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert answers == [OK] * 4
    assert SesMessage.objects.count() == 1


def test_logs_name_the_delivery_and_no_address(sent, caplog):
    with caplog.at_level(logging.INFO):
        post(message(event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))))
        post(
            message(
                event("Bounce", delivery_id=sent.id, **bounce("alice@example.com")), TopicArn="arn:alice@example.com"
            )
        )
    assert [record.delivery_id for record in caplog.records if record.msg == "mail reported on"] == [sent.id]
    assert "example.com" not in "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("delivery")
    )


# --- Whom we believe -----------------------------------------------------------------------------------------


@pytest.fixture
def report(sent):
    return event("Bounce", delivery_id=sent.id, **bounce("alice@example.com"))


def assert_refused(body, sent, status=UNTRUSTED):
    assert post(body) == status
    assert (states(sent), suppressed(), SesMessage.objects.count()) == ([State.SENT], set(), 0)


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_understood(report, sent, version):
    assert post(message(report, version=version)) == OK
    assert states(sent) == [State.BOUNCED]


def test_a_subject_is_part_of_what_is_signed(report, sent):
    with_subject = message(report, Subject="Amazon SES Email Event Notification")
    assert_refused({**with_subject, "Subject": "Another"}, sent)
    assert post(with_subject) == OK


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp"])
def test_a_message_that_was_changed_is_refused(report, sent, field):
    assert_refused(
        {**message(report), field: message(report, age=timedelta(minutes=1))[field] + " " * (field == "Message")}, sent
    )


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!", "é", "A" * 100_000])
def test_an_unsigned_message_is_refused(report, sent, signature):
    assert_refused({**message(report), "Signature": signature}, sent)


def test_somebody_elses_signature_is_refused(report, sent):
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert_refused(sns.signed(message(report), with_key=foreign), sent)


@pytest.mark.parametrize("version", ["0", "3", "", "1.0"])
def test_an_unknown_version_of_the_signature_is_refused(report, sent, version):
    assert_refused(message(report, version=version), sent)


def test_a_signature_of_one_version_is_none_of_the_other(report, sent):
    assert_refused({**message(report, version="2"), "SignatureVersion": "1"}, sent)


@pytest.mark.parametrize("days", [-1, -59])
def test_an_expired_certificate_is_refused(report, sent, monkeypatch, days):
    monkeypatch.setitem(utils._CERT_CACHE, CERTIFICATE_URL, sns.certificate(days=days))
    assert_refused(message(report), sent)


def test_a_certificate_without_an_rsa_key_is_refused(report, sent, monkeypatch):
    odd = sns.certificate(signing_key=ec.generate_private_key(ec.SECP256R1()))
    monkeypatch.setitem(utils._CERT_CACHE, CERTIFICATE_URL, odd)
    assert_refused(message(report), sent)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example.com/SimpleNotificationService-0123456789abcdef.pem",
        f"http://{HOST}/SimpleNotificationService-0123456789abcdef.pem",
        f"https://{HOST}@evil.example.com/SimpleNotificationService-0123456789abcdef.pem",
        f"https://{HOST}:8443/SimpleNotificationService-0123456789abcdef.pem",
        f"https://{HOST}/../SimpleNotificationService-0123456789abcdef.pem",
        f"https://{HOST}/key.pem",
        f"{CERTIFICATE_URL}?x=y",
        f"{CERTIFICATE_URL}\n",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_from_anywhere_but_sns_is_refused(report, sent, monkeypatch, address):
    monkeypatch.setitem(utils._CERT_CACHE, address, sns.certificate())
    assert_refused(message(report, SigningCertURL=address), sent)


@pytest.mark.parametrize(
    "topic", [TOPIC.replace("feedback", "other"), TOPIC.replace("us-east-1", "eu-west-1"), "", "x\x00"]
)
def test_a_topic_that_is_not_ours_is_refused(report, sent, topic):
    assert_refused(message(report, TopicArn=topic), sent)


def test_without_a_topic_in_the_settings_every_message_is_refused(report, sent, settings):
    settings.SES_FEEDBACK_TOPIC_ARNS = []
    assert_refused(message(report), sent)


@pytest.mark.parametrize("age", [timedelta(hours=1, seconds=5), timedelta(days=400), timedelta(minutes=-6)])
def test_a_message_that_is_too_old_or_from_the_future_is_refused(report, sent, age):
    assert_refused(message(report, age=age), sent)


@pytest.mark.parametrize("age", [timedelta(minutes=59), timedelta(minutes=-4)])
def test_an_hour_of_repetitions_and_a_clock_that_is_a_little_off_are_borne(report, sent, age):
    assert post(message(report, age=age)) == OK


# --- Odd bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"5",
        b"{",
        b"\xff\xfe",
        b"{}",
        b"[" * 5000,
        b'{"Type": "\\ud800"}',
        b" " * 1_048_577,
        b"x" * 3_000_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_message_is_invalid(body, sent):
    assert_refused(body, sent, INVALID)


@pytest.mark.parametrize(
    "field", ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "Signature", "SignatureVersion"]
)
@pytest.mark.parametrize("value", [None, 5, [], {}], ids=repr)
def test_a_field_that_is_no_text_is_invalid(report, sent, field, value):
    assert_refused({**message(report), field: value}, sent, INVALID)


@pytest.mark.parametrize("field", ["Subject", "SigningCertURL", "SubscribeURL", "Token"])
def test_so_is_one_that_need_not_be_there(report, sent, field):
    assert_refused({**message(report), field: ["https://example.com"]}, sent, INVALID)


@pytest.mark.parametrize(
    "fields",
    [
        {"Type": "Greeting"},
        {"MessageId": "no-uuid"},
        {"MessageId": "\x00"},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-03-04T14:30:00.000"},
        {"Timestamp": "99999-03-04T14:30:00.000Z"},
    ],
    ids=str,
)
def test_a_field_with_nonsense_is_invalid(report, sent, fields):
    assert_refused(message(report, **fields), sent, INVALID)


@pytest.mark.parametrize(
    "text", ["hello", "[]", "null", "{}", '{"eventType": []}', '{"eventType": "Bounce"}', "{" * 2000]
)
def test_a_report_that_is_none_is_invalid(sent, text):
    assert_refused(message(text), sent, INVALID)


@pytest.mark.parametrize(
    "change",
    [
        {"mail": None},
        {"mail": []},
        {"mail": {}},
        {"mail": {"messageId": 5}},
        {"mail": {"messageId": "\x00"}},
        {"mail": {"messageId": "x" * 201}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": "1"}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": [1]}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": []}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": ["1", "2"]}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": ["-1"]}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": ["٣"]}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": ["9223372036854775808"]}}},
        {"mail": {"messageId": "x", "tags": {"delivery_id": ["9" * 5000]}}},
        {"bounce": None},
        {"bounce": {"bounceType": "Permanent"}},
        {"bounce": {"bounceType": "Permanent", "bouncedRecipients": "alice@example.com"}},
        {"bounce": {"bounceType": "Permanent", "bouncedRecipients": ["alice@example.com"]}},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_bounce_that_lacks_something_is_invalid(report, sent, change):
    assert_refused(message({**report, **change}), sent, INVALID)


@pytest.mark.parametrize(
    "change", [{"bounceSubType": "\x00<script>"}, {"bounceSubType": {"a": 1}}, {"bounceType": None}]
)
def test_words_that_ses_does_not_use_are_left_out(report, sent, change):
    assert post(message({**report, "bounce": {**report["bounce"], **change}})) == OK
    assert "<" not in the(sent).provider_error


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_known(client, method):
    assert client.generic(method, "/webhooks/ses").status_code == 405


# --- The settings --------------------------------------------------------------------------------------------


def test_a_setting_that_names_no_topic_is_found_by_the_system_check(settings):
    settings.SES_FEEDBACK_TOPIC_ARNS = [TOPIC, "ses-feedback"]
    problems = [problem for problem in run_checks() if problem.id == "delivery.E001"]
    assert len(problems) == 1
    assert "'ses-feedback'" in problems[0].msg


def test_sns_in_china_has_a_name_of_its_own():
    assert sns_signatures.host_of(TOPIC.replace("us-east-1", "eu-west-1")) == "sns.eu-west-1.amazonaws.com"
    assert sns_signatures.host_of("arn:aws-cn:sns:cn-north-1:123456789012:x") == "sns.cn-north-1.amazonaws.com.cn"
