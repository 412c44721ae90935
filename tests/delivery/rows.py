"""Rows as our own processes put them on record, and as they stand later."""

import itertools
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Model
from django.utils import timezone
from waffle.models import Switch

from delivery.models import DIGEST, Delivery, State, SuppressedAddress
from preferences import rollout
from preferences.catalog import Channel
from preferences.models import User

Row = TypeVar("Row", bound=Model)

_numbers = itertools.count(1)


def delivery(user: User, **changes: Any) -> Delivery:
    """A mail that is due now, with changes."""
    now = timezone.now()
    usual = {
        "notification_id": f"ntf_{next(_numbers):016d}",
        "channel": Channel.EMAIL,
        "user": user,
        "type": "task_assigned",
        "title": "New task assigned to you",
        "body": "Sarah Kim assigned 'Update pricing page' to you",
        "actor_name": "Sarah Kim",
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "resource_title": "Update pricing page",
        "occurred_at": now,
        "state": State.PENDING,
        "due_at": now - timedelta(milliseconds=1),
    }
    return Delivery.objects.create(**{**usual, **changes})


def held(user: User, *, for_hours: float = -1, **changes: Any) -> Delivery:
    """A mail that waits for a digest, which is due in so many hours."""
    return delivery(user, state=State.HELD, due_at=timezone.now() + timedelta(hours=for_hours), **changes)


def digests_made() -> list[Delivery]:
    """All digests, the oldest first."""
    return list(Delivery.objects.filter(type=DIGEST).order_by("id"))


def fresh(row: Row) -> Row:
    """The same object, with what its row says now."""
    row.refresh_from_db()
    return row


def states(*deliveries: Delivery) -> list[str]:
    """How they stand now, in this order."""
    by_id = dict(Delivery.objects.values_list("id", "state"))
    return [by_id[one.id] for one in deliveries]


def suppressed() -> set[str | None]:
    """The addresses that get no mail; None is one of somebody whom we do not know."""
    return set(SuppressedAddress.objects.values_list("address", flat=True))


def turn_kill_switch(*, on: bool) -> None:
    """Turn it as an operator does, for this process at once."""
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": on})
    rollout.forget()
