"""Publishing: to SQS, packed and batched within its limits, and by HTTP while SQS is away (spec §1 "Producers")."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from notifications_producer.breaker import CircuitBreaker
from notifications_producer.events import Event
from notifications_producer.failures import NotConfigured, PublishFailed
from notifications_producer.fallback import HttpFallback, Leftover
from notifications_producer.packs import Pack, Written, body, packs, requests
from notifications_producer.shapes import check_kind

logger = logging.getLogger(__name__)

_TRIES: Final = 2  # for entries that SQS refuses in an answer; botocore itself repeats a request that gets none
_TIMEOUTS: Final = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})


class Producer:
    """A client for one queue; safe to share between threads, not with a process that is forked afterwards.

    With a `fallback`, events that SQS does not take go by HTTP under the same ids. When SQS has failed some times in a
    row, the `breaker` has them go there at once; SQS is tried again from time to time. Raises NotConfigured when boto3
    does not know the region, or cannot make a client for another reason.
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
        self._sqs = _sqs(endpoint_url=endpoint_url or None, region=region)
        self._fallback = fallback
        self._breaker = breaker or CircuitBreaker()

    def publish(self, event: Event) -> None:
        """Hand one event over; raise PublishFailed when that fails, InvalidEvent when it is none or too large."""
        self.publish_many([event])

    def publish_many(self, events: Iterable[Event]) -> int:
        """Hand many events over in as few requests as possible; return how many.

        Raises PublishFailed with every event that was not handed over; the others were. Raises InvalidEvent for what is
        no Event or too large, before any is handed over.
        """
        written = [_written(event) for event in events]
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
        logger.warning(
            "events go by HTTP: %d of them, which SQS has not taken (%s)",
            len(written),
            cause,
            extra={"events": len(written), "error": cause},
        )
        left = self._fallback.post(written)
        if left.failed or left.refused:
            raise _failure(left, cause)
        _log_published(written, but=[], path="http")


def _sqs(*, endpoint_url: str | None, region: str | None) -> Any:
    try:
        return boto3.client("sqs", endpoint_url=endpoint_url, region_name=region, config=_TIMEOUTS)
    except NoRegionError as error:
        raise NotConfigured("AWS_DEFAULT_REGION is not set, and nothing else names the region of SQS") from error
    except (BotoCoreError, ValueError) as error:
        raise NotConfigured(f"there is no client for SQS: {error}") from error


def _written(event: Event) -> Written:
    check_kind(event, Event, "what is published")
    return event, event.as_json()


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
