"""The wheel's queue with our functions in it: over the wire, by what SQS promises."""

import secrets
import time

import pytest
from botocore.exceptions import ClientError
from ministack.services import sqs as wheel

from delivery.sqs import SqsClient
from devstack import sqs_emulator
from tests.devstack.sqs_calls import delete, receive, send


@pytest.fixture
def sqs(settings) -> SqsClient:
    return SqsClient(region=settings.AWS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL)


@pytest.fixture
def queue(sqs) -> str:
    return sqs.ensure_queue(f"emulator-{secrets.token_hex(6)}", {"VisibilityTimeout": "60"})


def test_what_is_in_hand_is_passed_over(sqs, queue):
    send(sqs, queue, *map(str, range(10)))
    send(sqs, queue, "another")
    assert len(receive(sqs, queue)) == 10
    assert [message["Body"] for message in receive(sqs, queue)] == ["another"]
    assert receive(sqs, queue) == []


def test_what_was_put_back_comes_first(sqs, queue):
    send(sqs, queue, "first", "second")
    first, _ = receive(sqs, queue)
    sqs.call("ChangeMessageVisibility", QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert [message["Body"] for message in receive(sqs, queue)] == ["first"]


def test_deletes_take_what_they_name_and_refuse_the_rest(sqs, queue):
    send(sqs, queue, "first", "second", "third")
    first, _, third = (message["ReceiptHandle"] for message in receive(sqs, queue, VisibilityTimeout=0))
    answer = delete(sqs, queue, third, "not a receipt", first)
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "2"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("1", "ReceiptHandleIsInvalid")]
    assert [message["Body"] for message in receive(sqs, queue)] == ["second"]


def test_a_receipt_of_an_earlier_receive_is_no_receipt(sqs, queue):
    send(sqs, queue, "first")
    (earlier,) = receive(sqs, queue, VisibilityTimeout=0)
    (later,) = receive(sqs, queue)
    assert delete(sqs, queue, earlier["ReceiptHandle"])["Failed"]
    assert delete(sqs, queue, later["ReceiptHandle"])["Successful"]


def test_a_delete_takes_one_and_refuses_a_receipt_that_is_none(sqs, queue):
    send(sqs, queue, "first", "second")
    first, _ = (message["ReceiptHandle"] for message in receive(sqs, queue, VisibilityTimeout=0))
    sqs.call("DeleteMessage", QueueUrl=queue, ReceiptHandle=first)
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        sqs.call("DeleteMessage", QueueUrl=queue, ReceiptHandle=first)
    with pytest.raises(ClientError, match="MissingParameter"):
        sqs.call("DeleteMessage", QueueUrl=queue, ReceiptHandle="")
    assert [message["Body"] for message in receive(sqs, queue)] == ["second"]


def test_a_message_is_received_as_often_as_the_redrive_policy_says(sqs, queue):
    dead = sqs.ensure_queue(f"emulator-{secrets.token_hex(6)}", {})
    arn = sqs.call("GetQueueAttributes", QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "2"}}'
    sqs.call("SetQueueAttributes", QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    send(sqs, queue, "poison")
    received = [len(receive(sqs, queue, VisibilityTimeout=0)) for _ in range(4)]
    assert received == [1, 1, 0, 0]
    assert [message["Body"] for message in receive(sqs, dead)] == ["poison"]


def test_what_is_older_than_the_queue_keeps_goes():
    name, new = f"arn:{secrets.token_hex(6)}", {"sent_at": time.time()}
    queue = {"attributes": {"QueueArn": name, "MessageRetentionPeriod": "60"}, "messages": [{"sent_at": 0.0}, new]}
    sqs_emulator.expire(queue)
    assert queue["messages"] == [new]


def test_a_connection_stays_open_for_longer_than_beat_lets_it_rest(servers, settings):
    options = dict(part.split("=", 1) for part in servers.aws._command() if part.startswith("--") and "=" in part)
    assert float(options["--timeout-keep-alive"]) > 2 * settings.CELERY_BEAT_SCHEDULE["sweep"]["schedule"]


def test_the_wheel_calls_our_functions():
    assert wheel._collect_msgs is sqs_emulator.collect
    assert wheel._expire_retained is sqs_emulator.expire
    assert wheel._HANDLERS["DeleteMessage"] is sqs_emulator.delete
    assert wheel._HANDLERS["DeleteMessageBatch"] is sqs_emulator.delete_batch
