"""Messages as the pipeline reads them, at one moment."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from notifications.event_messages import read_message
from notifications.events import Event, Rejected
from notifications.models import Rejection

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
SENT = NOW - timedelta(seconds=1)


def read(body: Any) -> list[Any]:
    """What a message holds: its text, or what becomes JSON."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return list(read_message(text, sent_at=SENT, now=NOW))


def accepted(body: Any) -> Any:
    """The only event of a message."""
    (event,) = read(body)
    assert isinstance(event, Event), event
    return event


def reason(body: Any) -> Rejection:
    """Why the only event of a message was not accepted."""
    (rejected,) = read(body)
    assert isinstance(rejected, Rejected), rejected
    return rejected.reason
