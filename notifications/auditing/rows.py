"""What an audit reads of a portion of events: a statement a table, whatever its size, and no column too many."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from notifications import ids
from notifications.auditing.window import is_kept
from notifications.events import InvalidEvent, read_recipients
from preferences.catalog import Channel
from preferences.models import User


@dataclass(frozen=True)
class Entry:
    """An event of the ledger."""

    id: int
    source: str
    event_id: str
    occurred_at: datetime
    received_at: datetime

    @cached_property
    def id_of(self) -> Callable[[UUID], str]:
        """From a recipient to the id that the notification has or would have."""
        return ids.for_event(source=self.source, event_id=self.event_id, occurred_at=self.occurred_at)

    @cached_property
    def has_inbox(self) -> bool:
        """Whether what it stored in inboxes is kept still."""
        return is_kept(self.received_at, settings.NOTIFICATION_RETENTION)

    @cached_property
    def has_outbox(self) -> bool:
        """Whether its mails and pushes are kept still."""
        return is_kept(self.received_at, settings.DELIVERY_RETENTION)


class Named(NamedTuple):
    """Whom an event names as its recipients."""

    ledger_id: int
    user_ids: Collection[UUID] = ()
    malformed: Collection[str] = ()  # what is no user id


class Decided(NamedTuple):
    """A row of decisions: per channel the code of its reason."""

    ledger_id: int
    user_id: UUID | None
    recipient: str  # what the producer gave, when it is no user id
    in_app: str
    email: str
    push: str


class OnRecord(NamedTuple):
    """A delivery, as far as the audit asks."""

    state: str
    created: float  # seconds since 1970, which psycopg reads several times faster than a date
    digest_id: int | None  # of one that was gathered


@dataclass(frozen=True, slots=True)
class Rows:
    """What there is under the notification ids of a portion."""

    stored: Mapping[str, int | None]  # the ledger id by which it was stored
    deliveries: Mapping[tuple[str, str], OnRecord]  # by id and channel

    def has(self, notification_id: str, channel: Channel) -> bool:
        """Whether there is such a row: in an inbox, or to go out."""
        if channel is Channel.IN_APP:
            return notification_id in self.stored
        return (notification_id, channel) in self.deliveries


_ENTRIES = "SELECT id, source, event_id, occurred_at, received_at FROM received_events WHERE id = ANY(%s) ORDER BY id"

_NAMED = "SELECT id, payload -> 'data' -> 'recipients' FROM received_events WHERE id = ANY(%s) ORDER BY id"

_DECISIONS = """
    SELECT event_id, user_id, recipient, in_app, email, push FROM decisions WHERE event_id = ANY(%s)
    ORDER BY event_id, user_id, id
"""


def read_entries(ledger_ids: Collection[int]) -> dict[int, Entry]:
    """Return those of the events that are in the ledger, by their ids there."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [list(ledger_ids)])
        return {row[0]: Entry(*row) for row in cursor}


def read_named(ledger_ids: Collection[int]) -> list[Named]:
    """Return whom each event names; one whose recipients cannot be read any more names nobody."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [list(ledger_ids)])
        return list(_named(cursor))


def _named(rows: Iterator[tuple[int, str | None]]) -> Iterator[Named]:
    for ledger_id, given in rows:
        try:
            yield Named(ledger_id, *read_recipients({"recipients": orjson.loads(given or "null")}))
        except InvalidEvent:  # as when everybody was erased
            yield Named(ledger_id)


def read_decisions(ledger_ids: Collection[int]) -> list[Decided]:
    """Return what was decided about the events, in one order: by event and person."""
    with connection.cursor() as cursor:
        cursor.execute(_DECISIONS, [list(ledger_ids)])
        return [Decided(*row) for row in cursor]


def read_rows(notification_ids: Collection[str]) -> Rows:
    """Return what there is under these ids: in inboxes, and to go out."""
    known = [list(notification_ids)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, event_id FROM notifications WHERE id = ANY(%s)", known)
        stored = dict(cursor.fetchall())
        cursor.execute(
            "SELECT notification_id, channel, state, extract(epoch FROM created_at)::float8, digest_id"
            " FROM deliveries WHERE notification_id = ANY(%s)",
            known,
        )
        deliveries = {(id_, channel): OnRecord(*about) for id_, channel, *about in cursor}
    return Rows(stored, deliveries)


def existing(user_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the users who are still there."""
    return set(User.objects.filter(id__in=user_ids).values_list("id", flat=True)) if user_ids else set()
