"""Walking through a large table by its key, some thousand rows at a time: no scan, no lock held for long."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from psycopg.sql import SQL, Identifier


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The rows whose key is above `after` and not above `last`; there is at least one."""

    after: int | str
    last: int | str
    rows: int
    oldest: datetime  # by the column that `walk` was given


_NEXT = SQL("""
    SELECT max(id), count(*), min(time)
    FROM (SELECT id, {time} AS time FROM {table} WHERE id > %(after)s {below} ORDER BY id LIMIT %(limit)s) AS next
""")


def walk(table: str, *, time: str, limit: int, start: int | str = 0, below: str | None = None) -> Iterator[KeyRange]:
    """Yield one range of at most `limit` rows after the other, in the order of `table.id`.

    The next one is looked up when it is asked for, so what the caller deletes or adds meanwhile does no harm. `start`
    is a value below all keys (0, or "" for text); keys from `below` on are left out.
    """
    statement = _NEXT.format(
        table=Identifier(table), time=Identifier(time), below=SQL("AND id < %(below)s" if below else "")
    )
    after = start
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement, {"after": after, "limit": limit, "below": below})
            last, rows, oldest = cursor.fetchone()
            if not rows:
                return
            yield KeyRange(after, last, rows, oldest)
            after = last
