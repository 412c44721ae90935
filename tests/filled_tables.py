"""A row of each of our tables, for the models of any release: those that migrations have made so far."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps.registry import Apps

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OURS = ("preferences", "delivery", "notifications")

Values = Mapping[str, Any]


def _user(number: int) -> Values:
    return {
        "id": UUID(int=number),
        "name": f"Zoë Ōkafor {number}",
        "email": f"zoe{number}@example.com",
        "avatar_url": "https://example.com/zoe.png",
        "locale": "de",
        "is_active": True,
        "is_staff": True,
        "is_superuser": False,
        "password": "!",
        "last_login": NOON,
        "created_at": NOON,
        "notification_preferences": {"email_digest": "daily", "preferences": {"mentioned": {"push": False}}},
        "preferences_changed_at": NOON,
        "push_tokens": [{"platform": "ios", "token": f"{number:064x}", "device_id": "phone"}],
    }


def _flag(number: int) -> Values:
    return {
        "id": number + 100,  # the first is made by a migration
        "name": f"flag_{number}",
        "everyone": None,
        "percent": Decimal("5.0"),
        "testing": False,
        "superusers": False,
        "staff": False,
        "authenticated": False,
        "languages": "",
        "rollout": False,
        "note": "Beta since Monday",
        "created": NOON,
        "modified": NOON,
    }


def _delivery(number: int) -> Values:
    return {
        "id": number,
        "notification_id": f"ntf_{number:016d}",
        "channel": "push",
        "user_id": UUID(int=number),
        "type": "mentioned",
        "title": "Sarah Kim mentioned you",
        "body": "“Ŝo?” 🙂",
        "actor_name": "Sarah Kim",
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "resource_title": "Update pricing page",
        "occurred_at": NOON,
        "state": "failed",
        "reason": "refused",
        "due_at": NOON,
        "woken_at": NOON,
        "lease_until": NOON,
        "attempts": 3,
        "provider_id": f"0100-{number}",
        "provider_error": "DeviceTokenNotForTopic",
        "devices": {"phone": "DeviceTokenNotForTopic"},
        "digest_id": number,  # a self-reference will do for its key
        "created_at": NOON,
        "updated_at": NOON,
        "sent_at": NOON,
    }


def _suppressed_address(number: int) -> Values:
    return {
        "id": number,
        "address_hash": bytes([number]) * 32,
        "address": f"zoe{number}@example.com",
        "cause": "bounce",
        "detail": "General",
        "created_at": NOON,
    }


def _received_event(number: int) -> Values:
    return {
        "id": number,
        "source": "/services/tasks",
        "event_id": f"evt-{number}",
        "type": "mentioned",
        "occurred_at": NOON,
        "received_at": NOON,
        "path": "sqs",
        "payload": {"id": f"evt-{number}", "data": {"recipients": [str(UUID(int=number))]}},
    }


def _decision(number: int) -> Values:
    reasons = {"in_app": "preference_on", "email": "digest_daily", "push": "preference_off"}
    whom = {"user_id": UUID(int=number), "recipient": "usr_x"}
    return {"id": number, "event_id": number, **whom, **reasons, "decided_at": NOON}


def _rejected_event(number: int) -> Values:
    return {
        "id": number,
        "reason": "not_json",
        "detail": "line 1, column 1",
        "body": b"\x00\xff{",
        "body_digest": bytes([number]) * 32,
        "path": "sqs",
        "rejected_at": NOON,
        "replayed_at": NOON,
        "source": "/services/tasks",
        "event_id": f"evt-{number}",
    }


def _notification(number: int) -> Values:
    return {
        "id": f"ntf_{number:016d}",
        "user_id": UUID(int=number),
        "type": "mentioned",
        "title": "Sarah Kim mentioned you",
        "body": "“Ŝo?” 🙂",
        "actor_id": UUID(int=number),
        "resource_type": "task",
        "resource_id": "tsk_456",
        "resource_url": "/tasks/tsk_456",
        "resource_title": "Update pricing page",
        "event_id": number,
        "read_at": NOON,
        "displayed_at": NOON,
        "backfill_id": number,
        "created_at": NOON,
    }


def _backfill(number: int) -> Values:
    return {
        "id": number,
        "kind": "notifications",
        "file_name": "old.jsonl",
        "file_digest": bytes([number]) * 32,
        "position": 512,
        "lines": 3,
        "counts": {"stored": 3},
        "started_at": NOON,
        "finished_at": NOON,
        "undone_at": NOON,
    }


def _forecast(number: int) -> Values:
    return {
        "id": number,
        "type": "mentioned",
        "defaults": {"email": True},
        "asked_by_id": UUID(int=number),
        "after": UUID(int=number),
        "users": 2,
        "total": 3,
        "now": {"email": {"digest_daily": 2}},
        "then": {"email": {"preference_on": 2}},
        "created_at": NOON,
        "finished_at": NOON,
    }


def _waiting_event(number: int) -> Values:
    return {"id": number, "body": '{"id": "evt"}', "accepted_at": NOON, "taken_until": NOON, "receives": 1}


#: By model; whom others refer to comes first.
ROWS: Mapping[str, Callable[[int], Values]] = {
    "preferences.user": _user,
    "preferences.flag": _flag,
    "delivery.delivery": _delivery,
    "delivery.suppressedaddress": _suppressed_address,
    "delivery.sesmessage": lambda number: {"id": UUID(int=number), "received_at": NOON},
    "notifications.receivedevent": _received_event,
    "notifications.decision": _decision,
    "notifications.rejectedevent": _rejected_event,
    "notifications.backfill": _backfill,
    "notifications.notification": _notification,
    "notifications.forecast": _forecast,
    "notifications.waitingevent": _waiting_event,
}


def columns(model: Any) -> set[str]:
    """What `ROWS` may give a value."""
    return {field.attname for field in model._meta.concrete_fields}


def tables_of(apps: Apps) -> list[Any]:
    """The models of ours that these `apps` have and that have a table of their own, those referred to first."""
    known = {model._meta.label_lower: model for model in apps.get_models() if model._meta.app_label in OURS}
    own = {label: model for label, model in known.items() if not model._meta.proxy}
    return sorted(own.values(), key=lambda model: [*ROWS].index(model._meta.label_lower))


def fill(apps: Apps, number: int) -> None:
    """Insert a row into each table as the code of that release would, which names the columns that it knows."""
    for model in tables_of(apps):
        values = ROWS[model._meta.label_lower](number)
        model.objects.create(**{name: value for name, value in values.items() if name in columns(model)})
    if "preferences" in {model._meta.app_label for model in tables_of(apps)}:
        _join_groups(apps, number)


def _join_groups(apps: Apps, number: int) -> None:
    """Put the person into every group, and under the flag."""
    group = apps.get_model("auth", "Group")
    group.objects.create(name=f"On call {number}")
    person = apps.get_model("preferences", "User").objects.get(id=UUID(int=number))
    person.groups.set(group.objects.all())
    apps.get_model("preferences", "Flag").objects.get(pk=number + 100).users.add(person)
