"""People who leave traces in every table, and what is still told of them there."""

import json
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from psycopg.sql import SQL, Identifier

from delivery import suppressions
from delivery.models import State, SuppressedAddress
from notifications import pipeline
from notifications.models import Forecast, Path, ReceivedEvent, RejectedEvent, WaitingEvent
from preferences import push_tokens, user_ids
from preferences.models import User
from preferences.push_tokens import Platform
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery

TOKEN = "d1e70c0ffee" * 4
SHARED = {"type": "task", "id": "tsk_1", "title": "Pricing"}


def process(*recipients: User, actor: User | None = None, **changes: Any) -> ReceivedEvent:
    """Have an event for these people accepted, of the actor's doing."""
    data = {"actor": actor and {"id": user_ids.show(actor.id)}, **changes.pop("data", {})}
    event = event_for(*recipients, data=data, **changes)
    assert not pipeline.process([message(event)], path=Path.SQS)
    return ReceivedEvent.objects.get(event_id=event["id"])


def reject(body: Any) -> RejectedEvent:
    """Have a body rejected."""
    pipeline.process([message(body)], path=Path.SQS)
    return RejectedEvent.objects.latest("id")


def dump() -> str:
    """Every table as text."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(SQL("SELECT {}::text FROM {}").format(Identifier(table), Identifier(table)))
            texts += [f"{table}: {row}" for (row,) in cursor]
        cursor.execute("SELECT convert_from(body, 'UTF8') FROM rejected_events")
        texts += [f"rejected_events: {body}" for (body,) in cursor]
    return "\n".join(texts).lower()


def about(text: str, user: User) -> list[str]:
    """Return the lines that tell of the user."""
    traces = (str(user.id), user.id.hex, user.name.lower(), user.email or TOKEN, TOKEN)
    return [line for line in text.splitlines() if any(trace in line for trace in traces)]


def live_everywhere(person: User, other: User) -> None:
    """Leave traces of the person in every table that can have any."""
    push_tokens.register(person.id, platform=Platform.IOS, token=TOKEN, device_id="phone")
    User.objects.filter(id=other.id).update(notification_preferences={"email_digest": "daily"})
    for number, form in enumerate((str(person.id), user_ids.show(person.id), person.id.hex.upper())):
        process(
            other, id=f"to-{number}", data={"recipients": [form, str(other.id)], "resource": {**SHARED, "id": form}}
        )
    process(other, id="by", actor=person, type="comment_added", data={"params": {"excerpt": f"{person.name}: hello"}})
    process(other, id="odd", data={"recipients": [person.email, str(other.id)]})
    process(person, id="alone", data={"resource": {**SHARED, "title": f"Review of {person.name}"}})
    reject(event_for(person, other, type="unknown"))
    reject(f"no JSON for {person.email}")
    WaitingEvent.objects.create(body=json.dumps(event_for(person, other, id="waiting")))
    suppressions.add(str(person.email), SuppressedAddress.Cause.BOUNCE, f"550 {person.email} unknown")
    delivery(person, state=State.SENDING)
    Forecast.objects.create(type="mentioned", defaults={}, asked_by=person, after=person.id)
    LogEntry.objects.create(
        user=other,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(person.id),
        object_repr=person.name,
        action_flag=CHANGE,
        change_message=f"Opened what {person.email} got",
    )
    Group.objects.get(name="Support").user_set.add(person)
