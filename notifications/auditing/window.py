"""Which events are audited, and in which portions.

Ids of the ledger and of the deliveries ascend with the time at which they were given, so the beginning of a window is
found by bisection: there is no index by time, and none is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Identifier

#: By how much times may run against ids: transactions side by side take both in different orders.
_DISORDER: Final = timedelta(minutes=1)
#: What is about to be pruned may be half gone; pruning takes what is old within the hour after its day has come.
_EDGE: Final = timedelta(hours=1)
_EVENTS: Final = 2_000  # whose sizes are looked up at a time


@dataclass(frozen=True, slots=True)
class Window:
    """Events that were received from `since` to `until` (aware), all of whose ledger ids lie in `first` to `last`."""

    since: datetime
    until: datetime
    first: int
    last: int

    @property
    def events(self) -> int:
        """About how many there are: at most so many."""
        return max(0, self.last - self.first + 1)

    def covers(self, received_at: datetime) -> bool:
        """Whether an event of that time is audited."""
        return self.since <= received_at <= self.until


def open_window(*, since: timedelta | None = None, until: timedelta = timedelta()) -> Window:
    """Return the window between two ages of events; `since` None: all that the ledger is kept for.

    It ends with the last event that is committed now, so that live traffic cannot keep it open.
    """
    now = timezone.now()
    oldest = now - max(timedelta(), settings.LEDGER_RETENTION - _EDGE)
    begin = max(oldest, now - since) if since is not None else oldest
    end = now - until
    return Window(begin, end, first_id("received_events", time="received_at", since=begin), _last_id("received_events"))


def is_kept(created_at: datetime, retention: timedelta) -> bool:
    """Whether a row of that time is surely not pruned yet."""
    return created_at > timezone.now() - retention + _EDGE


_SIZES = """
    SELECT id, CASE jsonb_typeof(payload #> '{data,recipients}')
        WHEN 'array' THEN jsonb_array_length(payload #> '{data,recipients}') ELSE 0 END
    FROM received_events
    WHERE id > %(after)s AND id <= %(last)s AND received_at BETWEEN %(since)s AND %(until)s
    ORDER BY id LIMIT %(limit)s
"""


def portions(window: Window, *, size: int) -> Iterator[list[int]]:
    """Yield the ledger ids of the window, events of about `size` recipients at a time, and at least one event."""
    portion: list[int] = []
    recipients = 0
    for ledger_id, count in _sizes(window):
        if portion and recipients + count > size:
            yield portion
            portion, recipients = [], 0
        portion.append(ledger_id)
        recipients += max(1, count)
    if portion:
        yield portion


def _sizes(window: Window) -> Iterator[tuple[int, int]]:
    """Yield each event's ledger id and how many recipients its producer named."""
    values: dict[str, Any] = {"last": window.last, "since": window.since, "until": window.until, "limit": _EVENTS}
    after = window.first - 1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_SIZES, {**values, "after": after})
            sizes = cursor.fetchall()
        yield from sizes
        if len(sizes) < _EVENTS:
            return
        after = sizes[-1][0]


# --- Bisection -------------------------------------------------------------------------------------------------

_NEXT = SQL("SELECT id, {time} FROM {table} WHERE id > %s ORDER BY id LIMIT 1")


def first_id(table: str, *, time: str, since: datetime) -> int:
    """Return an id such that whatever is younger than `since` has it or a larger one; at most a minute too low."""
    statement = _NEXT.format(table=Identifier(table), time=Identifier(time))
    low, high = 0, _last_id(table) + 1
    with connection.cursor() as cursor:
        while low + 1 < high:
            middle = (low + high) // 2
            cursor.execute(statement, [middle - 1])
            row = cursor.fetchone()
            if row is None or row[1] >= since - _DISORDER:
                high = middle
            else:
                low = row[0]
    return high


def _last_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT COALESCE(max(id), 0) FROM {}").format(Identifier(table)))
        return int(cursor.fetchone()[0])
