import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError
from django_ses import SESBackend
from pytest_django import Settings

from delivery.transports.ses_client import SesBackend
from tests.delivery.aws_service import Reply, answering

NAMESPACE = "http://ses.amazonaws.com/doc/2010-12-01/"
TAKEN = (
    f'<SendRawEmailResponse xmlns="{NAMESPACE}"><SendRawEmailResult><MessageId>0100-7</MessageId></SendRawEmailResult>'
    "<ResponseMetadata><RequestId>request-7</RequestId></ResponseMetadata></SendRawEmailResponse>"
)
REFUSED = (
    f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>MessageRejected</Code>'
    "<Message>Not &lt;this&gt; one, ø</Message></Error><RequestId>request-8</RequestId></ErrorResponse>"
)
PARAMETERS: Mapping[str, Any] = {
    "Source": "Acme & Söhne <no+reply@example.com>",
    "Destinations": ["alice@example.com", '"b&b=c"@example.com'],
    "RawMessage": {"Data": bytes(range(256)) * 3 + b"?"},
    "SourceArn": "arn:aws:ses:eu-west-1:1:identity/example.com",
}


@pytest.fixture
def both(settings: Settings) -> Callable[..., tuple[Any, Any]]:
    """Has boto3's client and ours do the same, and returns both of what `look` makes of it."""

    def do(reply: Reply, look: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
        found = []
        for backend in (SESBackend, SesBackend):
            with answering(reply) as service:
                settings.AWS_SES_REGION_ENDPOINT_URL = service.url
                opened = backend()
                opened.open()
                found.append(look(opened.connection, service))
        return found[0], found[1]

    return do


def test_the_call_is_that_of_boto3(both):
    def call(client, service):
        client.send_raw_email(**PARAMETERS)
        (call,) = service.calls
        signed = call.headers["Authorization"].partition("Signature=")[0].rpartition("SignedHeaders=")[0]
        return parse_qs(call.body.decode(), strict_parsing=True), call.headers["Content-Type"], signed

    of_boto3, ours = both(Reply(200, TAKEN.encode()), call)
    assert ours == of_boto3


def test_the_answer_is_that_of_boto3(both):
    def answer(client, _service):
        answer = client.send_raw_email(**PARAMETERS)
        return (
            answer["MessageId"],
            answer["ResponseMetadata"]["RequestId"],
            answer["ResponseMetadata"]["HTTPStatusCode"],
        )

    of_boto3, ours = both(Reply(200, TAKEN.encode()), answer)
    assert ours == of_boto3 == ("0100-7", "request-7", 200)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_the_error_is_that_of_boto3(both, status):
    def error(client, _service):
        with pytest.raises(ClientError) as raised:
            client.send_raw_email(**PARAMETERS)
        response = raised.value.response
        return response["Error"], response["ResponseMetadata"]["HTTPHeaders"]["retry-after"], str(raised.value)[:60]

    of_boto3, ours = both(Reply(status, REFUSED.encode(), {"Retry-After": "7"}), error)
    assert ours == of_boto3


def test_a_backend_opens_once():
    backend = SesBackend()
    backend.open()
    connection = backend.connection
    assert backend.open() is False
    assert backend.connection is connection


def test_the_timeouts_are_those_of_the_settings(settings):
    backend = SesBackend()
    backend.open()
    calls = backend.connection._calls
    assert (calls._connect_seconds, calls._answer_seconds) == (3, 10)


def test_dkimpy_is_not_sought_for_each_mail():
    SesBackend().open()
    assert sys.modules["dkim"] is None
