"""Deliveries as the pipeline puts them on record."""

import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from delivery.models import Delivery, State
from preferences.catalog import Channel
from preferences.models import User

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


def states(*deliveries: Delivery) -> list[str]:
    """How they stand now, in this order."""
    by_id = dict(Delivery.objects.values_list("id", "state"))
    return [by_id[one.id] for one in deliveries]
