"""Whose messages are believed: those that SNS has signed of late, about our own topic."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.checks import run_checks
from django_ses import utils

from delivery import sns_signatures
from delivery.models import State
from tests.delivery import sns
from tests.delivery.rows import states
from tests.delivery.sns import CERTIFICATE_URL, HOST, OK, TOPIC, assert_refused, message, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_topic", "nothing_is_fetched")]


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
    another = message({**report, "later": True}, age=timedelta(minutes=1))
    assert_refused({**message(report), field: another[field]}, sent)


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


# --- The settings --------------------------------------------------------------------------------------------


def test_a_setting_that_names_no_topic_is_found_by_the_system_check(settings):
    settings.SES_FEEDBACK_TOPIC_ARNS = [TOPIC, "ses-feedback"]
    problems = [problem for problem in run_checks() if problem.id == "delivery.E001"]
    assert len(problems) == 1
    assert "'ses-feedback'" in problems[0].msg


def test_sns_in_china_has_a_name_of_its_own():
    assert sns_signatures.host_of(TOPIC.replace("us-east-1", "eu-west-1")) == "sns.eu-west-1.amazonaws.com"
    assert sns_signatures.host_of("arn:aws-cn:sns:cn-north-1:123456789012:x") == "sns.cn-north-1.amazonaws.com.cn"
