"""Bodies that are no message of SNS, and signed messages that are no report of SES."""

import pytest

from tests.delivery.rows import fresh
from tests.delivery.sns import INVALID, OK, assert_refused, message, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_topic", "nothing_is_fetched")]


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
    ("change", "note"),
    [
        ({"bounceSubType": "\x00<script>"}, "Bounce, Permanent"),
        ({"bounceSubType": {"a": 1}}, "Bounce, Permanent"),
        ({"bounceType": None}, "Bounce, General"),
    ],
)
def test_words_that_ses_does_not_use_are_left_out(report, sent, change, note):
    assert post(message({**report, "bounce": {**report["bounce"], **change}})) == OK
    assert fresh(sent).provider_error == note


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_known(client, method):
    assert client.generic(method, "/webhooks/ses").status_code == 405
