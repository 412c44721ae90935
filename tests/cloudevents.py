"""Events as producers write them."""

import json
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from notifications.pipeline import Message


def cloudevent(**changes: Any) -> dict[str, Any]:
    """The spec's example event, with changes; those under `data` replace single keys of it."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "8f1c2d",
        "source": "/services/tasks",
        "type": "task_assigned",
        "time": "2026-03-04T14:29:00Z",
        "data": {
            "recipients": ["usr_00000000000000000000000000000001"],
            "actor": {"id": "usr_00000000000000000000000000000002"},
            "resource": {"type": "task", "id": "tsk_456", "url": "/tasks/tsk_456", "title": "Update pricing page"},
            "params": {},
        },
    }
    data = {**event["data"], **changes.pop("data", {})}
    return {**event, "data": data, **changes}


def event_for(*recipients: Any, **changes: Any) -> dict[str, Any]:
    """An event that has just happened, for these users."""
    data = {"recipients": [str(recipient.id) for recipient in recipients], "actor": None, **changes.pop("data", {})}
    return cloudevent(data=data, **{"time": timezone.now().isoformat(), **changes})


def message(*events: Any, sent_at: datetime | None = None) -> Message:
    """One SQS message: a single event, or the batch of several; text is a body as it is."""
    body = events[0] if len(events) == 1 else list(events)
    return Message(body if isinstance(body, str) else json.dumps(body), sent_at or datetime.now(UTC))
