"""Calls workers for what is due: retries, and whatever a lost task or a dead worker left behind.

The row is the truth and a task only a wake-up call, so sweeping too often costs something and breaks nothing.
"""

from datetime import timedelta
from typing import Any, Final

from django.db import connection

from delivery import dispatch, lanes
from delivery.dispatch import Due
from delivery.transports.registry import OUTBOUND
from preferences import rollout
from preferences.catalog import Channel

#: How long a call may go unheard before it is repeated: the task waits in a queue, or was lost.
PATIENCE: Final = timedelta(minutes=1)
#: Deliveries of one sweep and channel.
LIMIT: Final = 5_000

# Arrays, since PostgreSQL may run a subquery behind IN once a row, and each time choose others.
_RECLAIM = """
    UPDATE deliveries
    SET state = 'pending', due_at = statement_timestamp(), lease_until = NULL, updated_at = statement_timestamp()
    WHERE id = ANY(ARRAY(
        SELECT id FROM deliveries
        WHERE state = 'sending' AND (lease_until < statement_timestamp() OR lease_until IS NULL)
        LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
"""

# The first call for a retry comes when it is due; any call is repeated when PATIENCE is over.
_FIND_DUE = """
    UPDATE deliveries SET woken_at = statement_timestamp()
    WHERE id = ANY(ARRAY(
        SELECT id FROM deliveries
        WHERE state = 'pending' AND channel = %(channel)s AND due_at <= statement_timestamp()
            AND (woken_at < due_at OR woken_at < statement_timestamp() - %(patience)s)
        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
"""


def sweep() -> int:
    """Give up expired leases and call workers for what is due; return how many deliveries were called for."""
    reclaim()
    if rollout.current().is_killed:
        return 0
    due = [delivery for channel in OUTBOUND for delivery in _due(channel)]
    dispatch.wake(due)
    return len(due)


def reclaim() -> int:
    """Take back what a dead worker has in hand; return how many deliveries, at most LIMIT."""
    with connection.cursor() as cursor:
        cursor.execute(_RECLAIM, {"limit": LIMIT})
        return int(cursor.rowcount)


def _due(channel: Channel) -> list[Due]:
    if lanes.is_blocked(channel):
        return []
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "channel": channel.value,
            "patience": PATIENCE,
            "limit": LIMIT,
        }
        cursor.execute(_FIND_DUE, values)
        return [Due(id_, channel) for (id_,) in cursor]
