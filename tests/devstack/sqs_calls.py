"""Calls of SQS as its clients make them, in batches."""

from collections.abc import Mapping
from typing import Any

from delivery.sqs import SqsClient

Message = dict[str, Any]


def send(sqs: SqsClient, queue: str, *bodies: str) -> None:
    """Send these messages in one call."""
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    assert not sqs.call("SendMessageBatch", QueueUrl=queue, Entries=entries).get("Failed")


def receive(sqs: SqsClient, queue: str, **parameters: Any) -> list[Message]:
    """Return up to ten messages that are visible now."""
    found: list[Message] = sqs.call("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10, **parameters).get(
        "Messages", []
    )
    return found


def delete(sqs: SqsClient, queue: str, *receipts: str) -> Mapping[str, Any]:
    """Delete by these receipts in one call, and return SQS's answer."""
    entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
    return sqs.call("DeleteMessageBatch", QueueUrl=queue, Entries=entries)
