"""What one batch writes: one statement a table, whatever the number of rows.

Every function runs inside the caller's transaction.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from delivery.rendering import Content
from notifications.events import Event, Rejected
from notifications.inbox import Item
from notifications.models import Path
from preferences.decisions import Decisions, Reason
from preferences.people import Person


class IdCollision(Exception):
    """Another event's or user's notification holds the id of one that should be stored."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its row in the ledger."""

    ledger_id: int
    event: Event


@dataclass(frozen=True, slots=True)
class Address:
    """An event and one of its recipients, with the id that the notification has or would have."""

    recorded: Recorded
    user_id: UUID
    notification_id: str

    @property
    def event(self) -> Event:
        """What happened."""
        return self.recorded.event


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an event means for one recipient."""

    address: Address
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class NewNotification:
    """A notification on its way into an inbox."""

    address: Address
    content: Content
    actor: Person | None

    @property
    def id(self) -> str:
        """The notification's id."""
        return self.address.notification_id

    def as_item(self, created_at: datetime) -> Item:
        """Return it as the inbox shows it, once it is stored."""
        resource = self.address.event.resource
        return Item(
            id=self.id,
            type=self.address.event.type.name,
            title=self.content.title,
            body=self.content.body,
            actor=self.actor,
            resource=resource,
            read_at=None,
            created_at=created_at,
        )


_RECORD_EVENTS = """
    INSERT INTO received_events (source, event_id, type, occurred_at, path, payload)
    SELECT source, event_id, type, occurred_at, %s, payload::jsonb
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
        AS event (source, event_id, type, occurred_at, payload)
    ON CONFLICT (source, event_id) DO NOTHING
    RETURNING id, source, event_id
"""


def record_events(events: Sequence[Event], path: Path) -> list[Recorded]:
    """Enter the events into the ledger and return those that it did not know yet."""
    # Two intakes that hold some of the same events wait for each other's rows; in one order they cannot deadlock.
    by_identity = {(event.source, event.id): event for event in events}
    ordered = [by_identity[identity] for identity in sorted(by_identity)]
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_EVENTS,
            [
                path.value,
                [event.source for event in ordered],
                [event.id for event in ordered],
                [event.type.name for event in ordered],
                [event.occurred_at for event in ordered],
                [event.payload for event in ordered],
            ],
        )
        return [Recorded(ledger_id, by_identity[source, event_id]) for ledger_id, source, event_id in cursor]


_RECORD_DECISIONS = """
    INSERT INTO decisions (event_id, user_id, recipient, in_app, email, push)
    SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])
"""


def record_decisions(verdicts: Sequence[Verdict]) -> None:
    """Keep what was decided for each recipient, in the reasons' codes."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_DECISIONS,
            [
                [verdict.address.recorded.ledger_id for verdict in verdicts],
                [verdict.address.user_id for verdict in verdicts],
                [""] * len(verdicts),
                [verdict.decisions.in_app.reason for verdict in verdicts],
                [verdict.decisions.email.reason for verdict in verdicts],
                [verdict.decisions.push.reason for verdict in verdicts],
            ],
        )


def record_malformed_recipients(recorded: Sequence[Recorded]) -> None:
    """Keep, beside the decisions, which of the producer's recipients are no user ids."""
    rows = [(entry.ledger_id, text) for entry in recorded for text in entry.event.malformed_recipients]
    if not rows:
        return
    unknown = [Reason.UNKNOWN_USER] * len(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_DECISIONS,
            [
                [ledger_id for ledger_id, _ in rows],
                [None] * len(rows),
                [text for _, text in rows],
                unknown,
                unknown,
                unknown,
            ],
        )


_STORE_NOTIFICATIONS = """
    INSERT INTO notifications (id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url,
                               resource_title, event_id)
    SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[],
                         %s::text[], %s::text[], %s::bigint[])
    ON CONFLICT (id) DO NOTHING
    RETURNING id, created_at
"""


def store_notifications(notifications: Sequence[NewNotification]) -> dict[str, datetime]:
    """Put the notifications into their inboxes; return when each was stored, by id.

    Raises IdCollision when an id is taken by something else than the same notification.
    """
    if not notifications:
        return {}
    resources = [notification.address.event.resource for notification in notifications]
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE_NOTIFICATIONS,
            [
                [notification.id for notification in notifications],
                [notification.address.user_id for notification in notifications],
                [notification.address.event.type.name for notification in notifications],
                [notification.content.title for notification in notifications],
                [notification.content.body for notification in notifications],
                [notification.actor and notification.actor.id for notification in notifications],
                [resource and resource.type for resource in resources],
                [resource and resource.id for resource in resources],
                [resource and resource.url for resource in resources],
                [resource and resource.title for resource in resources],
                [notification.address.recorded.ledger_id for notification in notifications],
            ],
        )
        stored = dict(cursor.fetchall())
    if len(stored) < len(notifications):
        _refuse_collisions([notification for notification in notifications if notification.id not in stored])
    return stored


_HELD_BY_THE_SAME = """
    SELECT count(*) FROM notifications AS held
    JOIN unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[]) AS new (id, user_id, type, title, body)
    USING (id, user_id, type, title, body)
"""


def _refuse_collisions(refused: Sequence[NewNotification]) -> None:
    """Tell a repeat that the ledger no longer knows, which is fine, from an id that something else holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HELD_BY_THE_SAME,
            [
                [notification.id for notification in refused],
                [notification.address.user_id for notification in refused],
                [notification.address.event.type.name for notification in refused],
                [notification.content.title for notification in refused],
                [notification.content.body for notification in refused],
            ],
        )
        (same,) = cursor.fetchone()
    if same < len(refused):
        raise IdCollision(f"{len(refused) - same} notification ids are taken")


_RECORD_REJECTIONS = """
    INSERT INTO rejected_events (reason, detail, body, body_digest, path)
    SELECT reason, detail, body, digest, %s
    FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::bytea[]) AS rejected (reason, detail, body, digest)
    ON CONFLICT (body_digest) DO NOTHING
"""


def record_rejections(rejections: Sequence[Rejected], path: Path) -> None:
    """Keep what was not accepted; a body that is kept already stays as it is."""
    if not rejections:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_REJECTIONS,
            [
                path.value,
                [rejected.reason.value for rejected in rejections],
                [rejected.detail.replace("\0", "") for rejected in rejections],
                [rejected.body for rejected in rejections],
                [hashlib.sha256(rejected.body).digest() for rejected in rejections],
            ],
        )


_FIND_REPEATS = """
    SELECT source, event_id, occurred_at FROM received_events
    JOIN unnest(%s::text[], %s::text[]) AS repeat (source, event_id) USING (source, event_id)
"""


def notification_ids_of(events: Sequence[Event]) -> list[str]:
    """Return the ids that the events' notifications have, where they have any, from the ledger's own times."""
    by_identity = {(event.source, event.id): event for event in events}
    with connection.cursor() as cursor:
        cursor.execute(_FIND_REPEATS, [list(column) for column in zip(*by_identity, strict=True)])
        rows = cursor.fetchall()
    return [
        notification_id(user_id)
        for source, event_id, occurred_at in rows
        for event in [replace(by_identity[source, event_id], occurred_at=occurred_at)]
        for notification_id in [event.notification_ids()]
        for user_id in event.recipients
    ]
