"""POST /api/v1/events: how producers publish while SQS is away (spec §1 "Producers", §2)."""

from typing import Any, Final

from django.db import DatabaseError, OperationalError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from notifications import event_admission
from notifications.event_messages import MAX_MESSAGE_BYTES
from notifications.event_schema import EVENT_OR_BATCH
from notifications.events import Event, InvalidEvent, Rejected
from notifications.models import Rejection
from preferences.api_calls import ServiceView, call
from preferences.api_errors import WHOLE_BODY, InvalidRequest
from preferences.api_input import JSON, raw_body
from preferences.outages import is_outage
from preferences.service_tokens import Service

#: Beside plain JSON, those that CloudEvents has for one event and for a batch.
_MEDIA_TYPES: Final = (JSON, "application/cloudevents+json", "application/cloudevents-batch+json")


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
    )
    def post(self, request: Request) -> Response:
        """Hand over one event, or a batch of them in at most 1 MiB: for producers, while SQS is away.

        What is accepted is stored when the answer comes, and goes the way of events from the queue: at once, or, while
        the kill switch holds, once it is released. The same `source` and `id` again, by whichever way, changes nothing.
        A bad event does not harm the others of its batch; it is kept as a rejected event. A `source` that does not
        belong to the token is rejected as `forbidden_source`. CloudEvents' own media types, of one event and of a
        batch, are taken too; what the body holds counts.
        """
        body = raw_body(request, most_bytes=MAX_MESSAGE_BYTES, media_types=_MEDIA_TYPES)
        parts = _admit(body, self.service)
        rejected = [
            {"index": index, "code": part.reason} for index, part in enumerate(parts) if isinstance(part, Rejected)
        ]
        return Response({"accepted": len(parts) - len(rejected), "rejected": rejected}, status=status.HTTP_202_ACCEPTED)


def _admit(raw: bytes, service: Service) -> list[Event | Rejected]:
    """Raises InvalidRequest (400) for a body without an event, and OperationalError (503) while PostgreSQL is away."""
    try:
        return event_admission.admit(raw, service)
    except InvalidEvent as error:
        raise InvalidRequest({WHOLE_BODY: str(error)}) from error
    except DatabaseError as error:
        if is_outage(error):
            raise OperationalError from error
        raise
