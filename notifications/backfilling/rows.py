"""The rows of backfilled notifications: put into inboxes a batch at a time, and taken out again by their run."""

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from notifications.verdicts import NewNotification

_INSERT = """
    INSERT INTO notifications (id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url,
                               resource_title, read_at, created_at, backfill_id)
    SELECT id, user_id, type, title, body, actor_id, resource_type, resource_id, resource_url, resource_title,
           occurred_at, occurred_at, %s
    FROM json_to_recordset(%s) AS notification
        (id text, user_id uuid, type text, title text, body text, actor_id uuid, resource_type text, resource_id text,
         resource_url text, resource_title text, occurred_at timestamptz)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""


def insert(notifications: Sequence[NewNotification], *, run_id: int) -> set[str]:
    """Store those whose id is free, and return these ids.

    They were stored and read when they happened: so they lie where they belong in the list, and no count changes.
    """
    return _ids(_INSERT, run_id, _as_json(notifications))


_FIND_MISSING = """
    SELECT id FROM json_to_recordset(%s) AS new (id text)
    WHERE NOT EXISTS (SELECT FROM notifications AS held WHERE held.id = new.id)
"""


def find_missing(notifications: Sequence[NewNotification]) -> set[str]:
    """Return the ids that are free."""
    return _ids(_FIND_MISSING, orjson.dumps([{"id": notification.id} for notification in notifications]).decode())


_DELETE = """
    DELETE FROM notifications
    WHERE id = ANY(ARRAY(SELECT id FROM notifications WHERE backfill_id = %s ORDER BY backfill_id LIMIT %s))
"""


def delete(run_id: int, *, limit: int) -> int:
    """Delete up to `limit` rows of the run, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [run_id, limit])
        deleted: int = cursor.rowcount
    return deleted


def _as_json(notifications: Sequence[NewNotification]) -> str:
    rows: list[dict[str, Any]] = [
        {**notification.as_row(), "occurred_at": notification.event.occurred_at} for notification in notifications
    ]
    return orjson.dumps(rows).decode()


def _ids(statement: str, *parameters: int | str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {id_ for (id_,) in cursor}
