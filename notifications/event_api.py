"""POST /api/v1/events: how producers publish while SQS is away (spec §1 "Producers", §2)."""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, OperationalError
from django.utils import timezone
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import event_log, waiting_events
from notifications.batch_metrics import count_rejections
from notifications.event_schema import EVENT_OR_BATCH
from notifications.events import (
    MAX_MESSAGE_BYTES,
    Event,
    InvalidEvent,
    Rejected,
    gather_rejected,
    read_parts,
)
from notifications.models import Path, Rejection
from preferences.api_calls import ServiceView, call
from preferences.api_errors import WHOLE_BODY, ErrorCode, InvalidRequest
from preferences.api_input import raw_body
from preferences.outages import is_outage
from preferences.service_tokens import Service


class RejectedPart(serializers.Serializer[Any]):
    """An event that was not accepted; publishing it again as it is would change nothing."""

    index = serializers.IntegerField(min_value=0, help_text="Its place in the batch, from 0.")
    code = serializers.ChoiceField(Rejection.choices)


class Accepted(serializers.Serializer[Any]):
    """How many events are ours now, and which are not."""

    accepted = serializers.IntegerField(min_value=0)
    rejected = RejectedPart(many=True)


class Events(ServiceView):
    """/api/v1/events."""

    @call(
        "publish_events",
        per_minute=600,
        takes=EVENT_OR_BATCH,
        answer=Accepted,
        status=status.HTTP_202_ACCEPTED,
        refuses=[ErrorCode.INVALID_REQUEST, ErrorCode.UNSUPPORTED_MEDIA_TYPE],
    )
    def post(self, request: Request) -> Response:
        """Hand over one event, or a batch of them in at most 1 MiB: for producers, while SQS is away.

        What is accepted is stored when the answer comes, and goes the way of events from the queue: at once, or, while
        the kill switch holds, once it is released. The same `source` and `id` again, by whichever way, changes nothing.
        A bad event does not harm the others of its batch; it is kept as a rejected event. A `source` that does not
        belong to the token is rejected as `forbidden_source`.
        """
        raw = raw_body(request, most_bytes=MAX_MESSAGE_BYTES)
        parts = [_admitted(part, self.service) for part in _read(raw)]
        _store(parts, raw)
        rejected = [
            {"index": index, "code": part.reason} for index, part in enumerate(parts) if isinstance(part, Rejected)
        ]
        return Response({"accepted": len(parts) - len(rejected), "rejected": rejected}, status=status.HTTP_202_ACCEPTED)


def _read(raw: bytes) -> list[Event | Rejected]:
    """Return an entry for each event, in their order. Raises InvalidRequest for a body that holds none."""
    now = timezone.now()
    try:
        return read_parts(raw, sent_at=now, now=now)
    except InvalidEvent as error:
        raise InvalidRequest({WHOLE_BODY: str(error)}) from error


def _admitted(part: Event | Rejected, service: Service) -> Event | Rejected:
    """Return the part, rejected when it is an event under a source of somebody else's, or one too large to be read
    again: written out, `1e15` is longer than it came."""
    if isinstance(part, Rejected):
        return part
    body = part.payload.encode()
    if part.source not in service.sources:
        detail = f"the service {service.name} may not publish under this source"
        return Rejected(Rejection.FORBIDDEN_SOURCE, detail, body, source=part.source, event_id=part.id)
    if len(body) > MAX_MESSAGE_BYTES:
        detail = f"{len(body)} bytes when its numbers are written out, more than {MAX_MESSAGE_BYTES}"
        return Rejected(Rejection.TOO_LARGE, detail, body, source=part.source, event_id=part.id)
    return part


def _is_allowed(part: Event | Rejected) -> bool:
    """Whether no source of somebody else's is in it. What is not comes first: the first names a batch kept whole."""
    return isinstance(part, Event) or part.reason is not Rejection.FORBIDDEN_SOURCE


def _store(parts: Sequence[Event | Rejected], raw: bytes) -> None:
    """Commit everything. Raises OperationalError (503) when PostgreSQL is away, also when it is there but read-only."""
    kept = gather_rejected(sorted(parts, key=_is_allowed), raw)
    accepted = [part for part in kept if isinstance(part, Event)]
    rejected = [part for part in kept if isinstance(part, Rejected)]
    try:
        waiting_events.store(accepted, rejected)
    except DatabaseError as error:
        if is_outage(error):
            raise OperationalError from error
        raise
    count_rejections(rejected, Path.HTTP)
    event_log.accepted(accepted)
    event_log.rejected(rejected, Path.HTTP)
