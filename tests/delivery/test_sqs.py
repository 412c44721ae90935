import pytest
from botocore.exceptions import BotoCoreError, ClientError

from delivery.sqs import SqsClient
from tests.delivery.aws_service import Reply, answering


@pytest.mark.parametrize("body", [b"<html>not SQS</html>", b"[]", b'"ok"', b"null"])
def test_an_answer_of_somebody_else_is_an_outage_like_any_other(body):
    with answering(Reply(200, body)) as service, pytest.raises(BotoCoreError):
        SqsClient(region="eu-west-1", endpoint_url=service.url).call("ReceiveMessage")


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b'"bad gateway"', b'{"__type": null}'])
def test_a_refusal_of_somebody_else_is_known_by_its_status(body):
    with answering(Reply(502, body)) as service, pytest.raises(ClientError) as refused:
        SqsClient(region="eu-west-1", endpoint_url=service.url).call("ReceiveMessage")
    assert refused.value.response["Error"]["Code"] == "502"


def test_a_call_without_an_answer_of_its_own_has_an_empty_one():
    with answering(Reply(200, b"")) as service:
        assert SqsClient(region="eu-west-1", endpoint_url=service.url).call("SetQueueAttributes") == {}
