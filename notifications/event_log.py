"""What the log tells of events, so that one can be followed by its id (docs/decisions/0012-log-lines.md).

An event that goes its way leaves no line: the ledger has it, and a line for each would cost a tenth of an intake. With
settings.LOG_EVENTS it leaves one at each stage.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings

from delivery.origins import Origin
from notifications.events import Event, Rejected
from notifications.models import Notification, Path
from telemetry import log_errors

logger = logging.getLogger(__name__)

_MOST_IDS: Final = 100  # of one line
#: W3C Trace Context, which CloudEvents carries as an extension: version, trace id, span id, flags.
_TRACEPARENT: Final = re.compile(rb'"traceparent"\s*:\s*"[0-9a-f]{2}-([0-9a-f]{32})-')


def accepted(events: Sequence[Event]) -> None:
    """Events came over HTTP and are ours now."""
    _each("event accepted", events, Path.HTTP)


def received(events: Sequence[Event], path: Path) -> None:
    """An intake has begun on these."""
    _each("event received", events, path)


def stored(events: Sequence[Event], path: Path) -> None:
    """These were new to the ledger, and all that follows from them is committed."""
    _each("event stored", events, path)


def delayed(events: Sequence[Event], path: Path, error: Exception) -> None:
    """PostgreSQL would not take these just now; they will be tried again."""
    ids = [event.id for event in events[:_MOST_IDS]]
    extra = {"events": len(events), "event_ids": ids, "path": path, "error": type(error).__name__}
    logger.info("events are tried again", extra=extra)


def failed(event: Event, error: Exception) -> None:
    """This one made us fail: where, without the error's text, which may quote the event."""
    extra = {"error": type(error).__name__, "place": log_errors.place(error)}
    logger.error("event failed", extra={**_of_event(event), **extra})


def rejected(events: Sequence[Rejected], path: Path) -> None:
    """These were not accepted, which is on record now."""
    for event in events:
        logger.warning("event rejected", extra={**_of_rejected(event), "path": path})


def origin_of(notification_id: str) -> Origin | None:
    """Return the event that a notification in somebody's inbox tells of, while the ledger has it."""
    found = Notification.objects.filter(id=notification_id, event__isnull=False)
    row = found.values_list("event__event_id", "event__source").first()
    return Origin(*row) if row and row[0] else None


def _each(message: str, events: Sequence[Event], path: Path) -> None:
    if settings.LOG_EVENTS:
        for event in events:
            logger.info(message, extra={**_of_event(event), "path": path, "recipients": len(event.recipients)})


def _of_event(event: Event) -> Mapping[str, Any]:
    trace_id = _trace_id(event.payload.encode()) if "traceparent" in event.payload else ""
    return {"event_id": event.id, "event_source": event.source, "trace_id": trace_id}


def _of_rejected(event: Rejected) -> Mapping[str, Any]:
    trace_id = _trace_id(event.body) if event.event_id else ""  # without an id it may be a whole batch
    return {"event_id": event.event_id, "event_source": event.source, "trace_id": trace_id, "reason": event.reason}


def _trace_id(body: bytes) -> str:
    found = _TRACEPARENT.search(body)
    return found[1].decode() if found else ""
