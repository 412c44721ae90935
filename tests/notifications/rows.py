"""Rows in an inbox, without the way of an event before them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from notifications import ids
from notifications.models import Notification
from preferences.models import User

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_number = itertools.count(1)


def stored(user: User, *, minutes: float = 0, **fields: Any) -> str:
    """Store a notification `minutes` after NOON and return its id; later calls give later ids."""
    number = next(_number)
    notification_id = ids.for_event(source="/tests", event_id=str(number), occurred_at=NOON + timedelta(seconds=number))
    usual = {
        "type": "task_assigned",
        "title": f"Title {number}",
        "body": "Body",
        "created_at": NOON + timedelta(minutes=minutes),
    }
    row = Notification.objects.create(id=notification_id(user.id), user=user, **{**usual, **fields})
    return row.id


def read_at(notification_id: str) -> datetime | None:
    """Return what the database says."""
    return Notification.objects.get(id=notification_id).read_at
