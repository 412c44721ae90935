"""The inbox as it is read: what is in it, in which order, and how much of it is unread.

What takes a user first sees nothing of anybody else. Marking is in notifications/marking.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from notifications import inbox_queries
from notifications.events import Resource
from notifications.inbox_queries import Unread
from notifications.models import Notification
from preferences import user_ids
from preferences.people import Person

#: How far back `stored_since` looks again: rows become visible when their transaction commits, not in order of time.
OVERLAP: Final = timedelta(minutes=1)


class Status(StrEnum):
    """Which part of the inbox."""

    ALL = "all"
    UNREAD = "unread"
    READ = "read"


_IS_READ: Final = {Status.ALL: None, Status.UNREAD: False, Status.READ: True}


class UnknownNotification(Exception):
    """No such notification in this user's inbox."""


@dataclass(frozen=True, slots=True)
class Item:
    """One notification as its owner sees it; times are aware."""

    id: str
    type: str
    title: str
    body: str
    actor: Person | None
    resource: Resource | None
    read_at: datetime | None
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the shape of REST and socket (spec §2)."""
        return {
            "id": self.id,
            "type": self.type,
            "title": self.title,
            "body": self.body,
            "actor": self.actor
            and {
                "id": user_ids.show(self.actor.id),
                "name": self.actor.name,
                "avatar_url": self.actor.avatar_url,
            },
            "resource": self.resource
            and {
                "type": self.resource.type,
                "id": self.resource.id,
                "url": self.resource.url,
                "title": self.resource.title,
            },
            "read_at": self.read_at and show_time(self.read_at),
            "created_at": show_time(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list: behind the notification with this id, stored at this time."""

    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first; `next` is None at its end."""

    items: Sequence[Item]
    next: Position | None


def show_time(time: datetime) -> str:
    """Return an aware time as our answers write it: UTC, ending in Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def page(user_id: UUID, *, status: Status = Status.ALL, limit: int, after: Position | None = None) -> Page:
    """Return up to `limit` notifications behind `after`; stays in place while others arrive or are read."""
    place = (after.created_at, after.id) if after else None
    rows = inbox_queries.newest(user_id, limit=limit + 1, is_read=_IS_READ[status], after=place)
    return _page(rows, limit=limit)


def get(user_id: UUID, notification_id: str) -> Item | None:
    """Return one notification of this user."""
    row = inbox_queries.one(user_id, notification_id)
    return _item(row) if row else None


def unread_count(user_id: UUID) -> int:
    """Return how many notifications this user has not read, up to MOST_COUNTED."""
    return unread_counts([user_id])[user_id]


def unread_counts(user_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return how many each of the users has not read, up to MOST_COUNTED."""
    return count_unread(user_ids).by_user


def count_unread(user_ids: Collection[UUID]) -> Unread:
    """Count what each of the users has not read, for their bells: those must know when it was counted."""
    return inbox_queries.unread(user_ids)


def latest_id(user_id: UUID) -> str | None:
    """Return the id of the notification that was stored last."""
    return _mine(user_id).order_by("-created_at", "-id").values_list("id", flat=True).first()


def stored_since(user_id: UUID, notification_id: str, *, limit: int) -> Page:
    """Return what was stored since that notification was, with OVERLAP, newest first.

    When this user has no such notification (it was pruned, or never was), the newest ones are returned.
    """
    stored_at = _mine(user_id).filter(id=notification_id).values_list("created_at", flat=True).first()
    since = stored_at and stored_at - OVERLAP
    return _page(inbox_queries.newest(user_id, limit=limit + 1, since=since), limit=limit)


def by_ids(ids: Sequence[str]) -> list[tuple[UUID, Item]]:
    """Return those of the notifications that exist, whoever they belong to, each with its owner."""
    return [(row[0], _item(row[1:])) for row in inbox_queries.some(ids)]


def _mine(user_id: UUID) -> QuerySet[Notification]:
    return Notification.objects.filter(user_id=user_id)


def _page(rows: Sequence[Sequence[Any]], *, limit: int) -> Page:
    """Return the first `limit` of the rows; one more says that there is a next page."""
    items = [_item(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(items, next=None)
    return Page(items, next=Position(items[-1].created_at, items[-1].id))


def _item(row: Sequence[Any]) -> Item:
    id_, type_, title, body, actor_id, actor_name, avatar_url, *resource, read_at, created_at = row
    return Item(
        id=id_,
        type=type_,
        title=title,
        body=body,
        actor=Person(actor_id, actor_name, avatar_url) if actor_id else None,
        resource=Resource(*resource) if resource[0] else None,
        read_at=read_at,
        created_at=created_at,
    )
