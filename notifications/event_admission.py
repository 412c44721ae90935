"""What services hand over by HTTP: each event admitted or rejected, and the admitted kept for the intake (spec §1)."""

from django.utils import timezone

from notifications import event_log, waiting_events
from notifications.batch_metrics import count_rejections
from notifications.event_messages import MAX_MESSAGE_BYTES, gather_rejected, read_parts
from notifications.events import Event, Rejected
from notifications.models import Path, Rejection
from preferences.service_tokens import Service


def admit(raw: bytes, service: Service) -> list[Event | Rejected]:
    """Commit the events of one body and what is wrong with the others; return an entry for each, in their order.

    Raises InvalidEvent for a body that holds no event, and a DatabaseError when PostgreSQL takes nothing just now (then
    `is_outage` holds).
    """
    now = timezone.now()
    parts = [_admitted(part, service) for part in read_parts(raw, sent_at=now, now=now)]
    kept = gather_rejected(sorted(parts, key=_is_allowed), raw)
    accepted = [part for part in kept if isinstance(part, Event)]
    rejected = [part for part in kept if isinstance(part, Rejected)]
    waiting_events.store(accepted, rejected)
    count_rejections(rejected, Path.HTTP)
    event_log.accepted(accepted)
    event_log.rejected(rejected, Path.HTTP)
    return parts


def _admitted(part: Event | Rejected, service: Service) -> Event | Rejected:
    """Return the part; rejected, if it is an event under a source of somebody else's, or too large to be read again."""
    if isinstance(part, Rejected):
        return part
    body = part.payload.encode()
    if part.source not in service.sources:
        detail = f"the service {service.name} may not publish under this source"
        return Rejected(Rejection.FORBIDDEN_SOURCE, detail, body, source=part.source, event_id=part.id)
    if len(body) > MAX_MESSAGE_BYTES:  # as `1e15` is longer than it came
        detail = f"{len(body)} bytes when its numbers are written out, more than {MAX_MESSAGE_BYTES}"
        return Rejected(Rejection.TOO_LARGE, detail, body, source=part.source, event_id=part.id)
    return part


def _is_allowed(part: Event | Rejected) -> bool:
    """Whether no source of somebody else's is in it. What is not comes first: the first names a batch kept whole."""
    return isinstance(part, Event) or part.reason is not Rejection.FORBIDDEN_SOURCE
