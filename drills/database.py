"""A drill's hands in PostgreSQL: what it looks at, and what it turns, or puts the clock forward for."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

_UNDER_WAY: Final = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')"
_PENDING: Final = "SELECT count(*) FROM deliveries WHERE state = 'pending'"
_WAITING: Final = "SELECT count(*) FROM waiting_events"
_STORED: Final = "SELECT count(*) FROM notifications"
_DIGESTS: Final = "SELECT count(*) FROM deliveries WHERE type = 'digest'"
_LAST_RECEIVED: Final = "SELECT max(received_at) FROM received_events"
_LAST_SENT: Final = "SELECT max(sent_at) FROM deliveries WHERE channel = %s"
_IN_HAND: Final = "SELECT id FROM deliveries WHERE channel = %s AND state = 'sending'"
_CLAIMED_BEFORE: Final = "SELECT id FROM deliveries WHERE channel = %s AND state = 'sending' AND updated_at < %s"
_SWEPT: Final = """
    SELECT count(*) FROM deliveries WHERE woken_at > %s AND woken_at > created_at + interval '1 second'
"""
_INBOXES: Final = "SELECT user_id, id, read_at IS NULL FROM notifications"
_LOST: Final = "SELECT id FROM deliveries WHERE state = 'failed' AND provider_error = 'worker_lost'"
_STALE: Final = "SELECT count(*) FROM deliveries WHERE id = ANY(%s) AND state = 'suppressed' AND reason = 'stale'"
_END_LEASES: Final = """
    UPDATE deliveries SET lease_until = now() - interval '1 second' WHERE id = ANY(%s) AND state = 'sending'
"""
_AGE: Final = """
    UPDATE deliveries SET occurred_at = occurred_at - interval '1 day'
    WHERE id = ANY(ARRAY(SELECT id FROM deliveries WHERE state = 'pending' AND type <> 'digest' ORDER BY id LIMIT %s))
    RETURNING id
"""
_BRING_DIGESTS_DUE: Final = """
    WITH due AS (
        UPDATE deliveries SET due_at = now() - interval '1 second' WHERE state = 'held' AND digest_id IS NULL
        RETURNING user_id
    )
    SELECT count(DISTINCT user_id) FROM due
"""
_END_CALLS: Final = "UPDATE deliveries SET woken_at = woken_at - interval '1 minute' WHERE state = 'pending'"
_END_TURNS: Final = "UPDATE deliveries SET due_at = now() WHERE state = 'pending' AND due_at > now()"
_TURN_SWITCH: Final = """
    UPDATE waffle_switch SET active = %s, modified = now() WHERE name = 'notifications_kill_switch'
"""


class Database:
    """The drill's PostgreSQL. Every call raises psycopg.Error while it is away."""

    def __init__(self, url: str) -> None:
        self._url = url

    # --- Looking on ------------------------------------------------------------------------------------------

    def events_waiting(self) -> int:
        """Return how many events wait in the table of POST /api/v1/events."""
        return self._count(_WAITING)

    def notifications(self) -> int:
        """Return how many notifications are in the inboxes."""
        return self._count(_STORED)

    def deliveries_under_way(self) -> int:
        """Return how many mails, digests and pushes wait or are in a worker's hands."""
        return self._count(_UNDER_WAY)

    def deliveries_pending(self) -> int:
        """Return how many mails, digests and pushes wait."""
        return self._count(_PENDING)

    def digests(self) -> int:
        """Return how many digests were ever made."""
        return self._count(_DIGESTS)

    def stale(self, ids: Collection[int]) -> int:
        """Return how many of these deliveries were suppressed because they were too old."""
        return self._count(_STALE, list(ids))

    def lost(self) -> set[int]:
        """Return the deliveries that were given up because all their workers died."""
        return {id_ for (id_,) in self._query(_LOST)}

    def last_received(self) -> float:
        """Return when the latest event was entered into the ledger, in seconds since the epoch."""
        return self._moment(_LAST_RECEIVED)

    def last_sent(self, channel: str) -> float:
        """Return when the latest mail or push was recorded as sent, in seconds since the epoch."""
        return self._moment(_LAST_SENT, channel)

    def in_hand(self, channel: str) -> set[int]:
        """Return the deliveries that workers have in hand."""
        return {id_ for (id_,) in self._query(_IN_HAND, channel)}

    def claimed_before(self, moment: float, channel: str) -> set[int]:
        """Return the deliveries that workers took in hand before this moment (seconds since the epoch), and still
        have."""
        return {id_ for (id_,) in self._query(_CLAIMED_BEFORE, channel, datetime.fromtimestamp(moment, UTC))}

    def swept(self, since: float) -> int:
        """Return for how many deliveries the sweeper called a worker since then (seconds since the epoch)."""
        return self._count(_SWEPT, datetime.fromtimestamp(since, UTC))

    def inboxes(self) -> Mapping[UUID, Mapping[str, bool]]:
        """Return each user's notifications by id, and whether they are unread."""
        found: dict[UUID, dict[str, bool]] = defaultdict(dict)
        for user_id, id_, is_unread in self._query(_INBOXES):
            found[user_id][id_] = is_unread
        return found

    # --- Breaking and mending --------------------------------------------------------------------------------

    def turn_kill_switch(self, *, on: bool) -> None:
        """Turn it where the admin turns it."""
        with self._connection() as connection:
            connection.execute(_TURN_SWITCH, [on])

    def end_leases(self, ids: Collection[int]) -> int:
        """Put the clock forward for what killed workers had in hand; return how many deliveries that were."""
        with self._connection() as connection:
            return connection.execute(_END_LEASES, [list(ids)]).rowcount

    def end_calls(self) -> None:
        """Put the clock forward a minute for the calls of workers: those that were lost are repeated at once."""
        with self._connection() as connection:
            connection.execute(_END_CALLS)

    def end_turns(self) -> None:
        """Put the clock forward for what waits for its turn in a slow lane, or for another try."""
        with self._connection() as connection:
            connection.execute(_END_TURNS)

    def age(self, most: int) -> list[int]:
        """Put the clock forward a day for some mails and pushes that wait, `most` at most; return their ids."""
        return [id_ for (id_,) in self._query(_AGE, most)]

    def bring_digests_due(self) -> int:
        """Put the clock forward for all that is held for a digest; return how many people it is held for."""
        return self._count(_BRING_DIGESTS_DUE)

    def _moment(self, statement: str, *values: Any) -> float:
        [(moment,)] = self._query(statement, *values)
        return float(moment.timestamp()) if moment else 0.0

    def _count(self, statement: str, *values: Any) -> int:
        return int(self._query(statement, *values)[0][0])

    def _query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def _connection(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self._url, autocommit=True, connect_timeout=2)
