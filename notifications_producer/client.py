"""Publishing: to SQS, packed and batched within its limits, and by HTTP while SQS is away (spec §1 "Producers")."""

import logging
import os
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from notifications_producer.breaker import CircuitBreaker
from notifications_producer.events import Event
from notifications_producer.failures import PublishFailed
from notifications_producer.fallback import HttpFallback, Leftover
from notifications_producer.packs import Pack, Written, body, packs, requests

logger = logging.getLogger(__name__)

_TRIES: Final = 2  # for entries that SQS refuses in an answer; botocore itself repeats a request that gets none
_TIMEOUTS: Final = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
_making = threading.Lock()


class Producer:
    """A client for one queue; safe to share between threads, not with a process that is forked afterwards.

    With a `fallback`, events that SQS does not take go by HTTP under the same ids. When SQS has failed some times in a
    row, the `breaker` has them go there at once; SQS is tried again from time to time.
    """

    def __init__(
        self,
        *,
        queue_url: str,
        endpoint_url: str | None = None,
        region: str | None = None,
        fallback: HttpFallback | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self._queue_url = queue_url
        self._sqs = boto3.client("sqs", endpoint_url=endpoint_url or None, region_name=region, config=_TIMEOUTS)
        self._fallback = fallback
        self._breaker = breaker or CircuitBreaker()

    def publish(self, event: Event) -> None:
        """Hand one event over; raise PublishFailed when that cannot be done, InvalidEvent when it is too large."""
        self.publish_many([event])

    def publish_many(self, events: Iterable[Event]) -> int:
        """Hand many events over in as few requests as possible; return how many.

        Raises PublishFailed with every event that was not handed over; the others were. Raises InvalidEvent for one
        that is too large, before any is handed over.
        """
        written = [(event, event.as_json()) for event in events]
        left, cause = self._by_sqs(written)
        _log_published(written, but=left, path="sqs")
        if left:
            self._by_http(left, cause)
        return len(written)

    def _by_sqs(self, written: Sequence[Written]) -> tuple[list[Written], str]:
        """Send to SQS; return the events that it did not take, and why."""
        left, cause = list[Written](), ""
        for request in requests(packs(written)):
            if self._fallback and not self._breaker.allows():
                refused, cause = request, cause or "not asked, for it has not answered of late"
            else:
                refused, cause = self._send(request, cause)
            left += [entry for pack in refused for entry in pack]
        return left, cause

    def _send(self, packs: list[Pack], cause: str) -> tuple[list[Pack], str]:
        """Send one request's packs, again where SQS refused an entry; return those that stayed behind, and why."""
        for _ in range(_TRIES):
            entries = [{"Id": str(number), "MessageBody": body(pack)} for number, pack in enumerate(packs)]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
                taken = {entry["Id"] for entry in answer.get("Successful", [])}
                refused: list[dict[str, Any]] = answer.get("Failed", [])
            except Exception as error:  # botocore's own, and whatever it makes of an answer that is not of SQS
                self._breaker.failed()
                return packs, _code(error)
            packs = [pack for number, pack in enumerate(packs) if str(number) not in taken]
            if packs and not refused:
                self._breaker.failed()
                return packs, "an answer that is not of SQS"
            self._breaker.succeeded()
            if not packs:
                return [], cause
            cause = refused[0].get("Code", "refused")
        return packs, cause

    def _by_http(self, written: Sequence[Written], cause: str) -> None:
        """Hand over what SQS did not take. Raises PublishFailed with what is left then."""
        if self._fallback is None:
            raise PublishFailed([event for event, _ in written], cause)
        logger.warning("events go by HTTP", extra={"events": len(written), "error": cause})
        left = self._fallback.post(written)
        if left.failed or left.refused:
            raise _failure(left, cause)
        _log_published(written, but=[], path="http")


def _code(error: Exception) -> str:
    """Return the error's name, or the code in which SQS itself refused the request."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__


def _log_published(written: Sequence[Written], *, but: Sequence[Written], path: str) -> None:
    """Name the events that were handed over, for who wants to follow one: with this logger at DEBUG."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    left = {(event.source, event.id) for event, _ in but}
    for event, _ in written:
        if (event.source, event.id) not in left:
            logger.debug("event published", extra={"event_id": event.id, "event_source": event.source, "path": path})


def _failure(left: Leftover, cause: str) -> PublishFailed:
    events = [event for event, _ in [*left.failed, *left.refused_events]]
    both = f"SQS: {cause}; HTTP: {left.cause}" if left.failed else ""
    return PublishFailed(events, both, refused=left.refused)


def publish(event: Event) -> None:
    """Publish one event to the queue that the environment names; raises PublishFailed."""
    _default_producer().publish(event)


def publish_many(events: Iterable[Event]) -> int:
    """Publish many events to the queue that the environment names; raises PublishFailed."""
    return _default_producer().publish_many(events)


def _default_producer() -> Producer:
    with _making:  # boto3 makes its clients for one thread at a time
        return _producer_of_environment(os.getpid())


@cache
def _producer_of_environment(_process: int) -> Producer:
    """Return this process's producer: a forked one would share its parent's connections, and mix up their answers."""
    queue_url = os.environ.get("EVENTS_QUEUE_URL")
    if not queue_url:
        raise LookupError("EVENTS_QUEUE_URL is not set: publish() cannot know the queue")
    return Producer(
        queue_url=queue_url, endpoint_url=os.environ.get("SQS_ENDPOINT_URL"), fallback=fallback_of_environment()
    )


def fallback_of_environment() -> HttpFallback | None:
    """Return the fallback that EVENTS_FALLBACK_URL names, with the token in EVENTS_FALLBACK_TOKEN, or in the file
    EVENTS_FALLBACK_TOKEN_FILE, which is read anew for each request; None when there is none."""
    url = os.environ.get("EVENTS_FALLBACK_URL")
    if not url:
        return None
    if file := os.environ.get("EVENTS_FALLBACK_TOKEN_FILE"):
        return HttpFallback(url, token=lambda: Path(file).read_text().strip())
    if token := os.environ.get("EVENTS_FALLBACK_TOKEN"):
        return HttpFallback(url, token=token)
    raise LookupError("EVENTS_FALLBACK_URL is set without EVENTS_FALLBACK_TOKEN or EVENTS_FALLBACK_TOKEN_FILE")
