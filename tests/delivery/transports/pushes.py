"""Pushes as delivery/attempts.py hands them to a transport; nothing of them is in the database."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from delivery.errors import SendFailure
from delivery.models import Delivery
from delivery.transports.contract import Outgoing, Result, Transport
from preferences.push_tokens import Device, Platform


def push(platform: Platform, token: str = "", **changes: Any) -> Outgoing:
    """One push to one device, that is due now."""
    usual = {
        "notification_id": f"ntf_{secrets.token_hex(8)}",
        "type": "task_assigned",
        "title": "New task assigned to you",
        "body": "Sarah Kim assigned 'Update pricing page' to you",
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "occurred_at": timezone.now(),
    }
    device = Device(platform, token or secrets.token_hex(32), "phone", timezone.now())
    return Outgoing(Delivery(**{**usual, **changes}), user=None, device=device, badge=3)  # type: ignore[arg-type]


def send_one(transport: Transport, outgoing: Outgoing) -> str | SendFailure:
    """Send it and return the answer."""
    [result] = send_all(transport, [outgoing])
    return result.answer


def send_all(transport: Transport, chunk: Iterable[Outgoing]) -> Iterator[Result]:
    """Send them and yield the answers, without the moments in between in which none came."""
    return (result for result in transport.send(chunk) if result is not None)
