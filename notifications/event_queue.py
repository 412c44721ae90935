"""The queue of events: send, receive, delete, put back, keep, count. SQS Standard with a dead-letter queue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Final

import orjson
from django.conf import settings

from delivery.sqs import SqsClient

RETENTION: Final = timedelta(days=14)
MAX_RECEIVES: Final = 5  # then SQS moves the message to the dead-letter queue
_CALLS_IN_FLIGHT: Final = 4  # to delete or put back one batch: each takes a round trip
_BATCH: Final = 10  # SQS: entries of one request
_REQUEST_BYTES: Final = 1_048_576  # SQS: all their bodies together
_LONG_POLL: Final = timedelta(seconds=2)  # longer saves requests, shorter stops sooner


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came, with the receipt by which it is deleted."""

    receipt: str
    body: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages wait, and how many are being worked on (SQS counts with a delay)."""

    waiting: int
    in_flight: int


class EventQueue:
    """The queue that producers publish to; safe to share between threads."""

    #: After an empty receive; the long poll has waited already.
    pause_seconds: Final = 0.0

    def __init__(self, name: str | None = None) -> None:
        self.name = name or settings.EVENTS_QUEUE_NAME
        self._sqs = SqsClient(region=settings.AWS_REGION, endpoint_url=settings.SQS_ENDPOINT_URL)
        self._calls = ThreadPoolExecutor(max_workers=_CALLS_IN_FLIGHT, thread_name_prefix=self.name)

    @cached_property
    def url(self) -> str:
        """The queue's address: as configured, or looked up by name."""
        if settings.EVENTS_QUEUE_URL and self.name == settings.EVENTS_QUEUE_NAME:
            return str(settings.EVENTS_QUEUE_URL)
        return str(self._sqs.call("GetQueueUrl", QueueName=self.name)["QueueUrl"])

    def create(self) -> None:
        """Create the queue and its dead-letter queue, or bring their attributes up to date."""
        retention = str(int(RETENTION.total_seconds()))
        dead = self._sqs.ensure_queue(f"{self.name}-dlq", {"MessageRetentionPeriod": retention})
        arn = self._sqs.call("GetQueueAttributes", QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": str(MAX_RECEIVES)}
        self._sqs.ensure_queue(
            self.name,
            {
                "MessageRetentionPeriod": retention,
                "VisibilityTimeout": _seconds(settings.INTAKE_VISIBILITY_TIMEOUT),
                "ReceiveMessageWaitTimeSeconds": _seconds(_LONG_POLL),
                "RedrivePolicy": orjson.dumps(redrive).decode(),
            },
        )

    def send(self, bodies: Sequence[str]) -> list[bool]:
        """Send messages; return for each whether SQS has it for certain.

        Raises what botocore does when SQS is away: then some of them may have been sent.
        """
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        taken: set[str] = set()
        for request in _requests(entries):
            answer = self._sqs.call("SendMessageBatch", QueueUrl=self.url, Entries=request)
            taken.update(entry["Id"] for entry in answer.get("Successful", []))
        return [entry["Id"] in taken for entry in entries]

    def receive(self, *, wait: timedelta = _LONG_POLL, most: int = _BATCH) -> list[Received]:
        """Receive up to `most` messages (ten at most), waiting for the first one as long as `wait`."""
        answer = self._sqs.call(
            "ReceiveMessage",
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=int(wait.total_seconds()),
            VisibilityTimeout=int(settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds()),
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [_received(message) for message in answer.get("Messages", [])]

    def delete(self, receipts: Iterable[str]) -> int:
        """Delete messages; return how many SQS would not delete (they will come again, which is harmless)."""
        return self._for_each(receipts, "DeleteMessageBatch", {})

    def put_back(self, receipts: Iterable[str]) -> int:
        """Make messages visible to others at once."""
        return self._for_each(receipts, "ChangeMessageVisibilityBatch", {"VisibilityTimeout": 0})

    def keep(self, receipts: Iterable[str]) -> int:
        """Keep messages ours for another visibility timeout, so that waiting does not count as a receive."""
        seconds = int(settings.INTAKE_VISIBILITY_TIMEOUT.total_seconds())
        return self._for_each(receipts, "ChangeMessageVisibilityBatch", {"VisibilityTimeout": seconds})

    def _for_each(self, receipts: Iterable[str], operation: str, entry: Mapping[str, Any]) -> int:
        """Call a batch operation for all receipts, several calls in flight; return how many were refused twice."""

        def call(batch: Sequence[str]) -> list[str]:
            entries = [{"Id": str(n), "ReceiptHandle": receipt, **entry} for n, receipt in enumerate(batch)]
            answer = self._sqs.call(operation, QueueUrl=self.url, Entries=entries)
            return [batch[int(refused["Id"])] for refused in answer.get("Failed", [])]

        def call_for_all(receipts: Iterable[str]) -> list[str]:
            return [refused for answer in self._calls.map(call, _batches(receipts)) for refused in answer]

        refused = call_for_all(receipts)
        return len(call_for_all(refused)) if refused else 0

    def depth(self) -> Depth:
        """Return about how many messages there are."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.call("GetQueueAttributes", QueueUrl=self.url, AttributeNames=names)
        waiting, in_flight = (int(answer["Attributes"][name]) for name in names)
        return Depth(waiting, in_flight)

    def retention(self) -> timedelta:
        """Return how long SQS keeps a message after its producer sent it."""
        name = "MessageRetentionPeriod"
        answer = self._sqs.call("GetQueueAttributes", QueueUrl=self.url, AttributeNames=[name])
        return timedelta(seconds=int(answer["Attributes"][name]))

    def dead_letters(self) -> "EventQueue":
        """Return the dead-letter queue."""
        return EventQueue(f"{self.name}-dlq")


def _received(message: Mapping[str, Any]) -> Received:
    milliseconds = int(message["Attributes"]["SentTimestamp"])
    return Received(
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(milliseconds / 1000, UTC),
    )


def _batches(receipts: Iterable[str]) -> Iterator[Sequence[str]]:
    remaining = iter(receipts)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _requests(entries: Iterable[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    """Gather messages into requests that SQS takes."""
    together: list[Mapping[str, str]] = []
    size = 0
    for entry in entries:
        length = len(entry["MessageBody"].encode())
        if together and (len(together) == _BATCH or size + length > _REQUEST_BYTES):
            yield together
            together, size = [], 0
        together.append(entry)
        size += length
    if together:
        yield together


def _seconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds()))
