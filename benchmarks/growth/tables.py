"""What is in the tables: counted, emptied, filled with the rows of a long past."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import psycopg

from benchmarks import cpu
from benchmarks.traffic import Traffic, user_id

_AT_ONCE: Final = 50_000  # rows of each table
_UNTIL_DIGESTS: Final = timedelta(hours=12)  # none may become due while it is measured
_TABLES: Final = "received_events, decisions, notifications, deliveries"

_LATEST: Final = "SELECT coalesce(max(id), 0) FROM received_events"
_ENTERED: Final = "SELECT count(*), count(DISTINCT received_at) FROM received_events WHERE id > %s"
_STORED: Final = """
    SELECT count(*) FROM notifications WHERE event_id > %s AND NOT starts_with(resource_id, 'past-')
"""
_STORED_OF: Final = "SELECT count(*) FROM notifications WHERE starts_with(resource_id, %s)"
_HOLD_MAILS: Final = "UPDATE users SET notification_preferences = %s"

# A second after the other, four types evenly, one row in each table; of four notifications three are read.
_FILL: Final = """
    WITH past AS (
        SELECT number, 'past-' || number AS name, now() - (%(rows)s - number) * interval '1 second' AS at,
               (%(users)s::uuid[])[1 + number %% cardinality(%(users)s::uuid[])] AS user_id,
               (ARRAY['task_assigned', 'comment_added', 'status_changed', 'mentioned'])[1 + number %% 4] AS type,
               'ntf_--' || lpad(to_hex(number), 14, '0') AS notification_id -- below all that come
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
    ), ledger AS (
        INSERT INTO received_events (source, event_id, type, occurred_at, received_at, path, payload)
        SELECT '/services/tasks', name, type, at, at, 'sqs', %(payload)s::jsonb FROM past
        RETURNING id, event_id AS name
    ), decided AS (
        INSERT INTO decisions (event_id, user_id, recipient, in_app, email, push, decided_at)
        SELECT id, user_id, '', 'default_on', 'default_on', 'no_device', at FROM past JOIN ledger USING (name)
    ), stored AS (
        INSERT INTO notifications (id, user_id, type, title, body, resource_type, resource_id, resource_url,
                                   resource_title, event_id, read_at, created_at)
        SELECT notification_id, user_id, type, 'New task assigned to you',
               'Sarah Kim assigned ''Update pricing page'' to you', 'task', name, '/tasks/' || name,
               'Update pricing page', id, CASE WHEN number %% 16 >= 4 THEN at END, at
        FROM past JOIN ledger USING (name)
    )
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at, created_at,
                            updated_at, sent_at)
    SELECT notification_id, 'email', user_id, type, 'New task assigned to you',
           'Sarah Kim assigned ''Update pricing page'' to you', 'Sarah Kim', 'task', name, '/tasks/' || name,
           'Update pricing page', at, 'sent', '', at, at, at, at
    FROM past
"""


class Tables:
    """A connection of its own, whose CPU is known, so that looking costs PostgreSQL nothing in the account."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        self._mark = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def cpu_seconds(self) -> float:
        """Return what PostgreSQL has used for this connection."""
        return cpu.seconds(self._connection.info.backend_pid)

    def mark(self) -> None:
        """Count from here."""
        [(self._mark,)] = self._rows(_LATEST)

    def entered(self) -> int:
        """Return how many events the ledger has since the mark, with all their rows: they commit together."""
        return int(self._rows(_ENTERED, self._mark)[0][0])

    def transactions(self) -> int:
        """Return how many transactions stored them: `received_at` is the time of each."""
        return int(self._rows(_ENTERED, self._mark)[0][1])

    def stored(self) -> int:
        """Return how many notifications came since the mark, at the cost of a look at every row."""
        return int(self._rows(_STORED, self._mark)[0][0])

    def stored_of(self, traffic: Traffic) -> int:
        """Return how many notifications of a traffic there are, likewise; for who keeps no ledger."""
        return int(self._rows(_STORED_OF, f"{traffic.name}-")[0][0])

    def empty(self) -> None:
        """Forget all that happened."""
        self._connection.execute(f"TRUNCATE {_TABLES}")
        self._mark = 0

    def hold_mails(self) -> None:
        """Have all users want daily mails, so that their events leave rows in every table."""
        digest_time = (datetime.now(UTC) + _UNTIL_DIGESTS).strftime("%H:%M")
        self._connection.execute(_HOLD_MAILS, [json.dumps({"email_digest": "daily", "digest_time": digest_time})])

    def want_no_mails(self) -> None:
        """Have all users want the bell alone."""
        self._connection.execute(_HOLD_MAILS, [json.dumps({"email_digest": "never"})])

    def fill(self, first: int, rows: int, *, users: int, tell: Callable[[int], object]) -> None:
        """Add the past events `first` + 1 to `rows`, one for each of the users in turn, a row in each table.

        Foreign keys are not checked, since the rows are known to be right; `tell` hears how many there are.
        """
        ids = [user_id(number) for number in range(users)]
        payload = Traffic("past", 1, users).event(0).as_json()
        for start, end in _pieces(first, rows):
            values = {"first": start, "last": end, "rows": rows, "users": ids, "payload": payload}
            with self._connection.transaction():
                self._connection.execute("SET LOCAL session_replication_role = replica")
                self._connection.execute(_FILL, values)
            tell(end)

    def settle(self) -> None:
        """Leave nothing to do that filling or emptying has caused."""
        self._connection.execute(f"VACUUM (ANALYZE) {_TABLES}")
        self._connection.execute("CHECKPOINT")

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()


def _pieces(first: int, rows: int) -> Iterator[tuple[int, int]]:
    for start in range(first, rows, _AT_ONCE):
        yield start + 1, min(start + _AT_ONCE, rows)
