"""What one batch writes: one statement a table, whatever the number of rows.

The rows travel as one JSON parameter. orjson writes it several times faster than psycopg writes an array a column
(docs/decisions/0003-rows-as-json.md). Every function runs inside the caller's transaction.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection

from notifications.events import Event, Rejected
from notifications.models import Path
from notifications.text import clean
from notifications.verdicts import NewNotification, Recorded, Verdict
from preferences.catalog import Channel
from preferences.decisions import Reason


class IdCollision(Exception):
    """Another event's or user's notification holds the id of one that should be stored."""


_RECORD_EVENTS = """
    INSERT INTO received_events (source, event_id, type, occurred_at, path, payload)
    SELECT source, event_id, type, occurred_at, path, payload
    FROM json_to_recordset(%s) AS event
        (source text, event_id text, type text, occurred_at timestamptz, path text, payload jsonb)
    ON CONFLICT (source, event_id) DO NOTHING
    RETURNING id, source, event_id
"""


def record_events(events: Sequence[Event], path: Path) -> list[Recorded]:
    """Enter the events into the ledger and return those that it did not know yet."""
    # Two intakes that hold some of the same events wait for each other's rows; in one order they cannot deadlock.
    by_identity = {(event.source, event.id): event for event in events}
    rows = [
        {
            "source": event.source,
            "event_id": event.id,
            "type": event.type.name,
            "occurred_at": event.occurred_at,
            "path": path,
            "payload": orjson.Fragment(event.payload),
        }
        for _, event in sorted(by_identity.items(), key=itemgetter(0))
    ]
    recorded = _run(_RECORD_EVENTS, rows)
    return [Recorded(ledger_id, by_identity[source, event_id]) for ledger_id, source, event_id in recorded]


_RECORD_DECISIONS = """
    INSERT INTO decisions (event_id, user_id, recipient, in_app, email, push)
    SELECT event_id, user_id, recipient, in_app, email, push
    FROM json_to_recordset(%s) AS decision
        (event_id bigint, user_id uuid, recipient text, in_app text, email text, push text)
"""


def record_decisions(verdicts: Sequence[Verdict]) -> None:
    """Keep what was decided for each recipient, in the reasons' codes."""
    _run(
        _RECORD_DECISIONS,
        [
            {
                "event_id": verdict.address.recorded.ledger_id,
                "user_id": verdict.address.user_id,
                "recipient": "",
                "in_app": verdict.decisions.in_app.reason,
                "email": verdict.decisions.email.reason,
                "push": verdict.decisions.push.reason,
            }
            for verdict in verdicts
        ],
    )


def record_malformed_recipients(recorded: Sequence[Recorded]) -> None:
    """Keep, beside the decisions, which of the producer's recipients are no user ids."""
    unknown = {channel.value: Reason.UNKNOWN_USER for channel in Channel}
    _run(
        _RECORD_DECISIONS,
        [
            {"event_id": entry.ledger_id, "recipient": recipient, **unknown}
            for entry in recorded
            for recipient in entry.event.malformed_recipients
        ],
    )


_STORE_NOTIFICATIONS = """
    INSERT INTO notifications (id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url,
                               resource_title, event_id)
    SELECT id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url, resource_title, event_id
    FROM json_to_recordset(%s) AS notification
        (id text, user_id uuid, type text, title text, body text, actor_id uuid, resource_type text, resource_id text,
         resource_url text, resource_title text, event_id bigint)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, created_at
"""


def store_notifications(notifications: Sequence[NewNotification]) -> list[tuple[NewNotification, datetime]]:
    """Put the notifications into their inboxes; return those that are new there, each with when it was stored.

    Raises IdCollision when an id is taken by something else than the same notification.
    """
    if doubled := len(notifications) - len({notification.id for notification in notifications}):
        raise IdCollision(f"{doubled} notification ids are taken in this batch")
    stored_at = dict(_run(_STORE_NOTIFICATIONS, [notification.as_row() for notification in notifications]))
    refused = [notification for notification in notifications if notification.id not in stored_at]
    # The others are repeats: of events that the ledger no longer knows, or that a backfill brought in.
    if taken := len(refused) - len(find_same(refused)):
        raise IdCollision(f"{taken} notification ids are taken")
    return [
        (notification, stored_at[notification.id]) for notification in notifications if notification.id in stored_at
    ]


_FIND_SAME = """
    SELECT held.id FROM notifications AS held
    JOIN json_to_recordset(%s) AS new (id text, user_id uuid, type text, resource_type text, resource_id text)
        ON held.id = new.id AND held.user_id = new.user_id AND held.type = new.type
        AND held.resource_type IS NOT DISTINCT FROM new.resource_type
        AND held.resource_id IS NOT DISTINCT FROM new.resource_id
"""


def find_same(notifications: Sequence[NewNotification]) -> set[str]:
    """Return the ids under which these notifications are stored already.

    Words are not compared: people and things are renamed, and templates change.
    """
    return {id_ for (id_,) in _run(_FIND_SAME, [notification.as_row() for notification in notifications])}


_RECORD_REJECTIONS = """
    INSERT INTO rejected_events (reason, detail, body, body_digest, path, source, event_id)
    SELECT reason, detail, decode(body, 'hex'), decode(digest, 'hex'), path, source, event_id
    FROM json_to_recordset(%s) AS rejected
        (reason text, detail text, body text, digest text, path text, source text, event_id text)
    ON CONFLICT (body_digest) DO NOTHING
"""


def record_rejections(rejections: Sequence[Rejected], path: Path) -> None:
    """Keep what was not accepted; a body that is kept already stays as it is."""
    _run(
        _RECORD_REJECTIONS,
        [
            {
                "reason": rejected.reason,
                "detail": clean(rejected.detail),
                "body": rejected.body.hex(),
                "digest": hashlib.sha256(rejected.body).hexdigest(),
                "path": path,
                "source": rejected.source,
                "event_id": rejected.event_id,
            }
            for rejected in rejections
        ],
    )


_FIND_REPEATS = """
    SELECT source, event_id, occurred_at FROM received_events
    JOIN json_to_recordset(%s) AS repeat (source text, event_id text) USING (source, event_id)
"""


def notification_ids_of(events: Sequence[Event]) -> list[str]:
    """Return the ids that the events' notifications have, where they have any, from the ledger's own times."""
    by_identity = {(event.source, event.id): event for event in events}
    known = _run(_FIND_REPEATS, [{"source": source, "event_id": event_id} for source, event_id in by_identity])
    return [
        notification_id(user_id)
        for source, event_id, occurred_at in known
        for event in [replace(by_identity[source, event_id], occurred_at=occurred_at)]
        for notification_id in [event.notification_ids()]
        for user_id in event.recipients
    ]


def _run(statement: str, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Run a statement over the rows, which it reads by `json_to_recordset`, and return what it returns."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [orjson.dumps(rows).decode()])
        return cursor.fetchall() if cursor.description else []
