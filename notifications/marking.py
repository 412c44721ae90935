"""Marking as read and unread, one notification or all of them, and telling the user's other bells.

What is read here is not sent elsewhere any more: marking cancels what still waits to go out, and unmarking restores it.
Every function takes the user first and marks nothing of anybody else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from delivery import dispatch
from delivery.transports import bell
from delivery.transports.bell import Message
from notifications import inbox
from notifications.inbox import Position, UnknownNotification
from notifications.inbox_queries import Unread
from notifications.models import Notification

UNDO_WINDOW: Final = timedelta(seconds=60)
_UNDO: Final = "notifications.inbox.undo"  # the salt of undo ids
_IDS_PER_MESSAGE: Final = 500


class InvalidUndo(Exception):
    """Not an undo id of this user, or older than a minute."""


@dataclass(frozen=True, slots=True)
class MarkedAll:
    """What marking all as read did; `undo_id` takes it back within UNDO_WINDOW."""

    updated: int
    unread_count: int
    undo_id: str


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
            updated = rows.filter(_until(watermark)).update(read_at=read_at)
            dispatch.cancel(_read_at_once(user_id, read_at))
    unread = inbox.count_unread([user_id])
    if updated and watermark is not None:
        _publish(user_id, [{"type": "read", "up_to": watermark.id}], unread)
    return MarkedAll(updated, unread.by_user[user_id], undo_id=_write_undo_id(user_id, read_at))


def undo_mark_all(user_id: UUID, undo_id: str) -> int:
    """Make unread again what that call marked; return how many are unread now. Raises InvalidUndo."""
    read_at = _read_undo_id(user_id, undo_id)
    with transaction.atomic():
        ids = _read_at_once(user_id, read_at)
        _mine(user_id).filter(read_at=read_at).update(read_at=None)
        dispatch.restore(ids)
    unread = inbox.count_unread([user_id])
    _publish(user_id, ({"type": "unread", "ids": some} for some in _some_at_a_time(ids)), unread)
    return unread.by_user[user_id]


# --- Which rows ----------------------------------------------------------------------------------------------


def _mine(user_id: UUID) -> QuerySet[Notification]:
    return Notification.objects.filter(user_id=user_id)


def _newest(user_id: UUID) -> Position | None:
    row = _mine(user_id).order_by("-created_at", "-id").values_list("created_at", "id").first()
    return row and Position(*row)


def _position(user_id: UUID, notification_id: str) -> Position:
    row = _mine(user_id).filter(id=notification_id).values_list("created_at", "id").first()
    if row is None:
        raise UnknownNotification(notification_id)
    return Position(*row)


def _until(position: Position) -> Q:
    """Return what is at the position or behind it; the first condition is the one that the index can use."""
    return Q(created_at__lte=position.created_at) & (Q(created_at__lt=position.created_at) | Q(id__lte=position.id))


def _read_at_once(user_id: UUID, read_at: datetime) -> list[str]:
    """Return what one call of `mark_all_read` marked: the instant is its own."""
    return list(_mine(user_id).filter(read_at=read_at).values_list("id", flat=True))


# --- The way back --------------------------------------------------------------------------------------------


def _write_undo_id(user_id: UUID, read_at: datetime) -> str:
    return signing.dumps([user_id.hex, read_at.isoformat()], salt=_UNDO)


def _read_undo_id(user_id: UUID, undo_id: str) -> datetime:
    try:
        owner, read_at = signing.loads(undo_id, salt=_UNDO, max_age=UNDO_WINDOW)
    except signing.BadSignature as error:
        raise InvalidUndo(str(error)) from error
    time = parse_datetime(read_at)
    if owner != user_id.hex or time is None:
        raise InvalidUndo("another user's")
    return time


# --- Telling the bells ---------------------------------------------------------------------------------------


def _tell(user_id: UUID, message: Message) -> None:
    """Tell every open bell of the user, with the count as it is now."""
    _publish(user_id, [message], inbox.count_unread([user_id]))


def _publish(user_id: UUID, messages: Iterable[Message], unread: Unread) -> None:
    count = unread.by_user[user_id]
    bell.publish(((user_id, {**message, "unread_count": count}) for message in messages), counted_at=unread.at)


def _some_at_a_time(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_PER_MESSAGE):
        yield ids[start : start + _IDS_PER_MESSAGE]
