"""Publishing to SQS, packed and batched within its limits."""

import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from notifications_producer.events import Event

# SQS: 10 entries and 1 MiB a request (SendMessageBatch). Packs of 100 KiB fill a request of ten.
_ENTRIES_PER_REQUEST = 10
_REQUEST_BYTES = 1_048_576
_PACK_BYTES = 104_000
_PACK_EVENTS = 100
_TRIES = 3

Pack = list[tuple[Event, str]]  # events that travel in one message, each with its JSON


class PublishFailed(Exception):
    """The events were not handed over; `events` are those to publish again (their ids stay the same)."""

    def __init__(self, events: list[Event], cause: str) -> None:
        super().__init__(f"{len(events)} events were not published: {cause}")
        self.events = events


class Producer:
    """A client for one queue; safe to share between threads."""

    def __init__(self, *, queue_url: str, endpoint_url: str | None = None, region: str | None = None) -> None:
        self._queue_url = queue_url
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=endpoint_url or None,
            region_name=region,
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3}),
        )

    def publish(self, event: Event) -> None:
        """Hand one event over; raise PublishFailed when that cannot be done."""
        try:
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=event.as_json())
        except (BotoCoreError, ClientError) as error:
            raise PublishFailed([event], type(error).__name__) from error

    def publish_many(self, events: Iterable[Event]) -> int:
        """Hand many events over in as few requests as SQS allows; return how many.

        Raises PublishFailed with every event that was not handed over; the others were. Raises InvalidEvent for one
        that is too large, before any is handed over.
        """
        written = [(event, event.as_json()) for event in events]
        count, failed, cause = 0, list[Event](), ""
        for request in _requests(_packs(written)):
            count += sum(len(pack) for pack in request)
            left, cause = self._send(request, cause)
            failed += [event for pack in left for event, _ in pack]
        if failed:
            raise PublishFailed(failed, cause)
        return count

    def _send(self, packs: list[Pack], cause: str) -> tuple[list[Pack], str]:
        """Send one request's packs, again where SQS refused an entry; return those that stayed behind."""
        for _ in range(_TRIES):
            entries = [{"Id": str(number), "MessageBody": _body(pack)} for number, pack in enumerate(packs)]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                return packs, type(error).__name__
            refused: list[dict[str, Any]] = answer.get("Failed", [])
            if not refused:
                return [], cause
            packs = [packs[int(entry["Id"])] for entry in refused]
            cause = refused[0].get("Code", "refused")
        return packs, cause


def _packs(events: Iterable[tuple[Event, str]]) -> Iterator[Pack]:
    """Gather events into message bodies; an event too large for company travels alone."""
    pack: Pack = []
    size = 0
    for event, text in events:
        if pack and (size + len(text) > _PACK_BYTES or len(pack) == _PACK_EVENTS):
            yield pack
            pack, size = [], 0
        pack.append((event, text))
        size += len(text) + 1
    if pack:
        yield pack


def _requests(packs: Iterable[Pack]) -> Iterator[list[Pack]]:
    """Gather message bodies into requests of at most ten entries and 1 MiB."""
    request: list[Pack] = []
    size = 0
    for pack in packs:
        length = len(_body(pack))
        if request and (size + length > _REQUEST_BYTES or len(request) == _ENTRIES_PER_REQUEST):
            yield request
            request, size = [], 0
        request.append(pack)
        size += length
    if request:
        yield request


def _body(pack: Pack) -> str:
    """Return one event's JSON, or the CloudEvents batch of several."""
    if len(pack) == 1:
        return pack[0][1]
    return f"[{','.join(text for _, text in pack)}]"


@cache
def _default_producer() -> Producer:
    queue_url = os.environ.get("EVENTS_QUEUE_URL")
    if not queue_url:
        raise LookupError("EVENTS_QUEUE_URL is not set: publish() cannot know the queue")
    return Producer(queue_url=queue_url, endpoint_url=os.environ.get("SQS_ENDPOINT_URL"))


def publish(event: Event) -> None:
    """Publish one event to the queue that the environment names; raises PublishFailed."""
    _default_producer().publish(event)


def publish_many(events: Iterable[Event]) -> int:
    """Publish many events to the queue that the environment names; raises PublishFailed."""
    return _default_producer().publish_many(events)
