"""The task: one row, one message to the open sockets."""

import json
import secrets
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.utils import timezone

from benchmarks.baseline.app import TASK, app
from notifications.models import Notification


@app.task(name=TASK)
def deliver(event: dict[str, Any]) -> None:
    """Store one event's notification for its recipient and push it to the bell."""
    data = event["data"]
    (recipient,) = data["recipients"]
    notification = Notification.objects.create(
        id=f"ntf_{secrets.token_urlsafe(12)}",
        user_id=UUID(recipient),
        type=event["type"],
        title="Someone assigned you a task",
        body=f'"{data["resource"]["title"]}" is yours now.',
        actor_id=UUID(data["actor"]["id"]),
        resource_type=data["resource"]["type"],
        resource_id=data["resource"]["id"],
        resource_url=data["resource"]["url"],
        resource_title=data["resource"]["title"],
        created_at=timezone.now(),
    )
    message = {"type": "notification", "notification": _as_json(notification, data)}
    async_to_sync(get_channel_layer().group_send)(
        f"user.{notification.user_id.hex}", {"type": "bell.message", "text": json.dumps(message)}
    )


def _as_json(notification: Notification, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": notification.id,
        "type": notification.type,
        "title": notification.title,
        "body": notification.body,
        "actor": data["actor"],
        "resource": data["resource"],
        "read_at": None,
        "created_at": notification.created_at.isoformat(),
    }
