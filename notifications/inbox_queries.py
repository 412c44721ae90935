"""What is asked of PostgreSQL when an inbox is read, in SQL as it is sent.

These are the most frequent questions of the product, and the ORM needs several times as long to put one together as
PostgreSQL to answer it (docs/decisions/0016-http-in-one-thread.md). Their plans are held by a test.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from preferences.user_ids import as_array

#: Nobody's unread notifications are counted further: a bell shows 99+ (spec §9), and each count is read row by row.
MOST_COUNTED: Final = 10_000

Row = tuple[Any, ...]

_COLUMNS: Final = """
    n.id, n.type, n.title, n.body, n.actor_id, actor.name, actor.avatar_url,
    n.resource_type, n.resource_id, n.resource_url, n.resource_title, n.read_at, n.created_at
"""
_ROWS: Final = "FROM notifications AS n LEFT JOIN users AS actor ON actor.id = n.actor_id"
_LISTED: Final = f"SELECT {_COLUMNS} {_ROWS} WHERE n.user_id = %(user_id)s"
_NEWEST_FIRST: Final = "ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s"
#: By whether only what is read, or only what is not, is wanted.
_IS_READ: Final = {None: "", True: "AND n.read_at IS NOT NULL", False: "AND n.read_at IS NULL"}
_BEHIND: Final = "AND (n.created_at, n.id) < (%(after_time)s, %(after_id)s)"  # the order of the index
_SINCE: Final = "AND n.created_at >= %(since)s"
_ONE: Final = f"{_LISTED} AND n.id = %(id)s"
_SOME: Final = f"SELECT n.user_id, {_COLUMNS} {_ROWS} WHERE n.id = ANY(%(ids)s)"

_UNREAD: Final = """
    SELECT person.id, counted.unread, extract(epoch FROM statement_timestamp())::float8
    FROM unnest(%(user_ids)s::uuid[]) AS person (id), LATERAL (
        SELECT count(*) AS unread
        FROM (SELECT FROM notifications WHERE user_id = person.id AND read_at IS NULL LIMIT %(most)s) AS unread_rows
    ) AS counted
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """How many each of some users has not read, up to MOST_COUNTED, and when all of them were counted.

    `at` is the time of PostgreSQL's statement, in seconds since the epoch; 0 when nobody was asked for.
    """

    by_user: Mapping[UUID, int]
    at: float


def newest(
    user_id: UUID,
    *,
    limit: int,
    is_read: bool | None = None,
    after: tuple[datetime, str] | None = None,
    since: datetime | None = None,
) -> list[Row]:
    """Return one user's rows, newest first: those behind `after` in this order, those stored at `since` or later."""
    values = {"user_id": user_id, "limit": limit, "since": since}
    conditions = [_IS_READ[is_read]]
    if after is not None:
        conditions.append(_BEHIND)
        values["after_time"], values["after_id"] = after
    if since is not None:
        conditions.append(_SINCE)
    return _fetch(" ".join([_LISTED, *conditions, _NEWEST_FIRST]), values)


def one(user_id: UUID, notification_id: str) -> Row | None:
    """Return one row of this user."""
    return next(iter(_fetch(_ONE, {"user_id": user_id, "id": notification_id})), None)


def some(ids: Sequence[str]) -> list[Row]:
    """Return the rows with these ids, each behind its owner's id."""
    return _fetch(_SOME, {"ids": list(ids)})


def unread(user_ids: Collection[UUID]) -> Unread:
    """Count what each of the users has not read, in one statement."""
    rows = _fetch(_UNREAD, {"user_ids": as_array(user_ids), "most": MOST_COUNTED})
    return Unread({user_id: count for user_id, count, _ in rows}, at=rows[0][-1] if rows else 0.0)


def _fetch(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
        return rows
