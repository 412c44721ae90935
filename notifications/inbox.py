"""The inbox of one user: list, count, mark read, and tell the user's other bells.

What is read here is not sent elsewhere any more: marking cancels what still waits to go out, and unmarking restores it.
Every function takes the user first and sees nothing of anybody else.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from delivery import dispatch
from delivery.transports import bell
from delivery.transports.bell import Message
from notifications import inbox_queries
from notifications.events import Resource
from notifications.inbox_queries import Unread
from notifications.models import Notification
from preferences import user_ids
from preferences.people import Person

#: How far back `stored_since` looks again: rows become visible when their transaction commits, not in order of time.
OVERLAP: Final = timedelta(minutes=1)
UNDO_WINDOW: Final = timedelta(seconds=60)
_IDS_PER_MESSAGE: Final = 500


class Status(StrEnum):
    """Which part of the inbox."""

    ALL = "all"
    UNREAD = "unread"
    READ = "read"


class UnknownNotification(Exception):
    """No such notification in this user's inbox."""


class InvalidUndo(Exception):
    """Not an undo id of this user, or older than a minute."""


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


@dataclass(frozen=True, slots=True)
class MarkedAll:
    """What marking all as read did; `undo_id` takes it back within UNDO_WINDOW."""

    updated: int
    unread_count: int
    undo_id: str


def show_time(time: datetime) -> str:
    """Return an aware time as our answers write it: UTC, ending in Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- Reading -------------------------------------------------------------------------------------------------


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
    return _newest_first(_mine(user_id)).values_list("id", flat=True).first()


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


# --- Marking -------------------------------------------------------------------------------------------------


def mark_read(user_id: UUID, notification_id: str) -> datetime:
    """Mark as read and return when it was read first. Raises UnknownNotification."""
    row = _mine(user_id).filter(id=notification_id)
    now = timezone.now()
    with transaction.atomic():
        is_changed = row.filter(read_at=None).update(read_at=now)
        if is_changed:
            dispatch.cancel([notification_id])
    if is_changed:
        _tell(user_id, {"type": "read", "ids": [notification_id]})
        return now
    times = row.values_list("read_at", flat=True)
    if not times:
        raise UnknownNotification(notification_id)
    return times[0] or now  # or: another tab has just marked it unread


def mark_unread(user_id: UUID, notification_id: str) -> None:
    """Mark as not read. Raises UnknownNotification."""
    row = _mine(user_id).filter(id=notification_id)
    with transaction.atomic():
        is_changed = row.exclude(read_at=None).update(read_at=None)
        if is_changed:
            dispatch.restore([notification_id])
    if is_changed:
        _tell(user_id, {"type": "unread", "ids": [notification_id]})
    elif not row.exists():
        raise UnknownNotification(notification_id)


def mark_all_read(user_id: UUID, *, up_to: str | None = None) -> MarkedAll:
    """Mark everything as read that was stored until `up_to` was, or until now. Raises UnknownNotification."""
    watermark = _position(user_id, up_to) if up_to is not None else _newest(user_id)
    read_at = timezone.now()
    updated = 0
    if watermark is not None:
        rows = _mine(user_id).filter(read_at=None)
        with transaction.atomic():
            updated = rows.filter(_behind(watermark) | Q(id=watermark.id)).update(read_at=read_at)
            dispatch.cancel(_read_at_once(user_id, read_at))
    unread = count_unread([user_id])
    if updated and watermark is not None:
        _publish(user_id, [{"type": "read", "up_to": watermark.id}], unread)
    return MarkedAll(
        updated, unread.by_user[user_id], undo_id=signing.dumps([user_id.hex, read_at.isoformat()], salt=_UNDO)
    )


def undo_mark_all(user_id: UUID, undo_id: str) -> int:
    """Make unread again what that call marked; return how many are unread now. Raises InvalidUndo."""
    read_at = _read_undo_id(user_id, undo_id)
    with transaction.atomic():
        ids = _read_at_once(user_id, read_at)
        _mine(user_id).filter(read_at=read_at).update(read_at=None)
        dispatch.restore(ids)
    unread = count_unread([user_id])
    _publish(user_id, ({"type": "unread", "ids": some} for some in _some_at_a_time(ids)), unread)
    return unread.by_user[user_id]


# --- Inside --------------------------------------------------------------------------------------------------

_UNDO: Final = "notifications.inbox.undo"  # the salt of undo ids

_IS_READ: Final = {Status.ALL: None, Status.UNREAD: False, Status.READ: True}


def _mine(user_id: UUID) -> QuerySet[Notification]:
    return Notification.objects.filter(user_id=user_id)


def _newest_first(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    return rows.order_by("-created_at", "-id")


def _behind(position: Position) -> Q:
    """Return what comes after the position in the list; the first condition is the one that the index can use."""
    return Q(created_at__lte=position.created_at) & (Q(created_at__lt=position.created_at) | Q(id__lt=position.id))


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


def _newest(user_id: UUID) -> Position | None:
    row = _newest_first(_mine(user_id)).values_list("created_at", "id").first()
    return row and Position(*row)


def _position(user_id: UUID, notification_id: str) -> Position:
    row = _mine(user_id).filter(id=notification_id).values_list("created_at", "id").first()
    if row is None:
        raise UnknownNotification(notification_id)
    return Position(*row)


def _read_at_once(user_id: UUID, read_at: datetime) -> list[str]:
    """Return what one call of `mark_all_read` marked: the instant is its own."""
    return list(_mine(user_id).filter(read_at=read_at).values_list("id", flat=True))


def _read_undo_id(user_id: UUID, undo_id: str) -> datetime:
    try:
        owner, read_at = signing.loads(undo_id, salt=_UNDO, max_age=UNDO_WINDOW)
    except signing.BadSignature as error:
        raise InvalidUndo(str(error)) from error
    time = parse_datetime(read_at)
    if owner != user_id.hex or time is None:
        raise InvalidUndo("another user's")
    return time


def _tell(user_id: UUID, message: Message) -> None:
    """Tell every open bell of the user, with the count as it is now."""
    _publish(user_id, [message], count_unread([user_id]))


def _publish(user_id: UUID, messages: Iterable[Message], unread: Unread) -> None:
    count = unread.by_user[user_id]
    bell.publish(((user_id, {**message, "unread_count": count}) for message in messages), counted_at=unread.at)


def _some_at_a_time(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_PER_MESSAGE):
        yield ids[start : start + _IDS_PER_MESSAGE]
