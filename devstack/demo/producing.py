"""What the producers behind the buttons do: each service publishes for itself, and by HTTP while SQS is away."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import groupby
from typing import Final
from uuid import UUID

from django.conf import settings

from devstack.demo.services import SERVICES
from notifications.models import Path
from notifications_producer import CircuitBreaker, Event, HttpFallback, Producer
from notifications_producer.fallback import Leftover
from notifications_producer.packs import Written
from preferences.authentication import issue_service_token

_MOST_REMEMBERED: Final = 8  # of one recipient
_MOST_NOTED: Final = 1_000
#: Shorter than a producer's own, so that the page shows soon that SQS is back.
_SQS_TRIED_AGAIN_SECONDS: Final = 2.0
_EVENTS: Final = "/api/v1/events"


@dataclass(frozen=True, slots=True)
class Published:
    """An event, and what only its producer knows: by which way it was handed over, and when (aware)."""

    event: Event
    path: Path
    handed_over_at: datetime


def publish(events: Iterable[Event], *, recipient: UUID) -> list[Published]:
    """Have each service publish its events, and remember those for the recipient. Raises PublishFailed."""
    published: list[Published] = []
    for source, own in groupby(sorted(events, key=_source), key=_source):
        published += _published_by(source, list(own))
    _latest.setdefault(recipient, deque(maxlen=_MOST_REMEMBERED)).extend(sorted(published, key=_time))
    return published


def latest(recipient: UUID) -> Sequence[Published]:
    """Return what the page has published for the recipient of late."""
    return tuple(_latest.get(recipient, ()))


def forget() -> None:
    """Forget what was published, and let go of the connections."""
    _latest.clear()
    _of_source.cache_clear()


#: In the memory of the one web process that a demo has.
_latest: dict[UUID, deque[Published]] = {}


class _Fallback(HttpFallback):
    """Notes which events came its way."""

    def __init__(self, service: str) -> None:
        token = partial(issue_service_token, service)
        super().__init__(f"{settings.PUBLIC_URL}{_EVENTS}", token=token)
        self.came: deque[str] = deque(maxlen=_MOST_NOTED)

    def post(self, events: Sequence[Written]) -> Leftover:
        """Post them, as the producer asks."""
        self.came.extend(event.id for event, _ in events)
        return super().post(events)


def _published_by(source: str, events: Sequence[Event]) -> list[Published]:
    producer, fallback = _of_source(source)
    producer.publish_many(events)
    now = datetime.now(UTC)
    return [Published(event, Path.HTTP if event.id in fallback.came else Path.SQS, now) for event in events]


@lru_cache(maxsize=len(SERVICES))
def _of_source(source: str) -> tuple[Producer, _Fallback]:
    """Return the producer of a service, as that service itself would make it."""
    fallback = _Fallback(source.removeprefix("/services/"))
    producer = Producer(
        queue_url=settings.EVENTS_QUEUE_URL,
        endpoint_url=settings.SQS_ENDPOINT_URL,
        fallback=fallback,
        breaker=CircuitBreaker(seconds=_SQS_TRIED_AGAIN_SECONDS),
    )
    return producer, fallback


def _source(event: Event) -> str:
    return event.source


def _time(published: Published) -> datetime:
    return published.event.time
