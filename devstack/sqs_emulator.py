"""The `ministack` wheel with a standard queue of SQS that is as fast with 10,000 messages as with ten.

By itself it looks at every message, waiting or in hand, three times a receive and ten times a batch of deletes, so that
a backlog takes the CPU that would work it off. Its functions are replaced by name: the wheel is pinned, and
tests/devstack/test_sqs_emulator.py holds that they are still what it calls. It fails when it is told to
(devstack/sqs_faults.py).
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from ministack.app import app as wheel
from ministack.services import sqs

from devstack.sqs_faults import Faulty, SqsFaults

__all__ = ["app"]

Queue = dict[str, Any]
Message = dict[str, Any]

#: Between two looks at all messages of a queue for those that have expired.
_EVERY_SECONDS: Final = 1.0

_collect_fifo_too: Final = sqs._collect_msgs
_expire: Final = sqs._expire_retained
_redrive: Final = sqs._dlq_sweep
_delete: Final = sqs._act_delete_message
_expired_at: Final[dict[str, float]] = {}  # monotonic, by the queue's ARN
_faults: Final = SqsFaults()

#: What uvicorn serves.
app: Final = Faulty(wheel, _faults)


def collect(queue: Queue, most: int, visibility_timeout: int) -> list[Message]:
    """Take the first `most` messages that are visible in hand, looking no further."""
    if queue["is_fifo"]:
        _redrive(queue)
        in_order: list[Message] = _collect_fifo_too(queue, most, visibility_timeout)
        return in_order
    now = time.time()
    found = _first_visible(queue, most, now)
    if any(message["receive_count"] for message in found):  # it may have been received too often
        _redrive(queue)
        found = _first_visible(queue, most, now)
    for message in found:
        message["receipt_handle"] = sqs.new_uuid()
        message["visible_at"] = now + visibility_timeout
        message["receive_count"] += 1
        message["first_receive_at"] = message["first_receive_at"] or now
    return found


def _first_visible(queue: Queue, most: int, now: float) -> list[Message]:
    visible = (message for message in queue["messages"] if message["visible_at"] <= now)
    found = list(islice(visible, most))
    for message in found:
        sqs._ensure_msg_fields(message)
    return found


def expire(queue: Queue) -> None:
    """Drop what is older than the queue keeps it, now and then."""
    now, name = time.monotonic(), queue["attributes"].get("QueueArn", "")
    if now - _expired_at.get(name, -_EVERY_SECONDS) >= _EVERY_SECONDS:
        _expired_at[name] = now
        _expire(queue)


def delete(data: dict[str, Any], address: str) -> dict[str, Any]:
    """DeleteMessage, in a walk that ends with the message."""
    queue = sqs._get_q(data.get("QueueUrl", address), "sqs:DeleteMessage")
    if _faults.keeps():
        return {}
    if not _remove(queue["messages"], {data.get("ReceiptHandle", "")} - {""}):
        refused: dict[str, Any] = _delete(data, address)  # in its own words
        return refused
    return {}


def delete_batch(data: dict[str, Any], address: str) -> dict[str, Any]:
    """DeleteMessageBatch, in one walk over the messages, which ends with the last one that is wanted."""
    queue = sqs._get_q(data.get("QueueUrl", address), "sqs:DeleteMessage")
    entries = data.get("Entries", [])
    sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")
    named = {entry.get("ReceiptHandle") for entry in entries} - {None, ""}
    kept = {receipt for receipt in sorted(named) if _faults.keeps()}
    gone = _remove(queue["messages"], named - kept) | kept
    return {
        "Successful": [{"Id": entry["Id"]} for entry in entries if entry.get("ReceiptHandle") in gone],
        "Failed": [_refused(entry["Id"]) for entry in entries if entry.get("ReceiptHandle") not in gone],
    }


def _remove(messages: list[Message], receipts: Iterable[str]) -> set[str]:
    """Remove the messages with these receipts; return the receipts that were found."""
    wanted = set(receipts)
    places: list[int] = []
    for place, message in enumerate(messages):
        if len(places) == len(wanted):
            break
        if message["receipt_handle"] in wanted:
            places.append(place)
    gone = {messages[place]["receipt_handle"] for place in places}
    for place in reversed(places):
        del messages[place]
    return gone


def _refused(entry_id: str) -> dict[str, Any]:
    return {
        "Id": entry_id,
        "Code": "ReceiptHandleIsInvalid",
        "Message": "The input receipt handle is invalid.",
        "SenderFault": True,
    }


sqs._collect_msgs = collect
sqs._expire_retained = expire
sqs._dlq_sweep = lambda _: None  # collect() calls it when there is something to find
sqs._HANDLERS |= {"DeleteMessage": delete, "DeleteMessageBatch": delete_batch}
