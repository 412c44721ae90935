"""What waits, what failed and what was rejected, counted within bounds (spec §8 "operations page").

Every statement reads one index from its end and stops after LONGEST rows, so that a backlog of millions costs
what one of ten thousand does. Of anything longer, the page says "more than".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from delivery.models import State
from notifications.models import Rejection

#: Rows that are counted of one list at most.
LONGEST: Final = 10_000
FAILURES_SINCE: Final = timedelta(hours=1)
REJECTED_SINCE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries in one state on one channel."""

    state: State
    channel: str
    count: int
    first: datetime  # due_at of what is pending or held; of what is being sent, the end of the first lease


@dataclass(frozen=True, slots=True)
class ByHttp:
    """Events that came by POST /api/v1/events and were not processed yet."""

    count: int
    first: datetime | None  # when the first of them was accepted (aware); None: there is none


@dataclass(frozen=True, slots=True)
class Failure:
    """Deliveries that one channel's provider refused for the same reason, of late."""

    channel: str
    error: str  # the provider's code
    count: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Events that were rejected for the same reason, of late."""

    reason: Rejection
    count: int


_HTTP: Final = "http"  # in place of a delivery's state

# A state that stands in the statement itself is what makes PostgreSQL take the state's partial index.
_WAITING: Final = """
    SELECT state, channel, count(*), min(at) FROM (
        (SELECT state, channel, due_at AS at FROM deliveries WHERE state = 'pending' ORDER BY due_at LIMIT %(limit)s)
        UNION ALL
        (SELECT state, channel, due_at FROM deliveries WHERE state = 'held' AND digest_id IS NULL
         ORDER BY due_at LIMIT %(limit)s)
        UNION ALL
        (SELECT state, channel, lease_until FROM deliveries WHERE state = 'sending'
         ORDER BY lease_until LIMIT %(limit)s)
        UNION ALL
        (SELECT 'http', '', accepted_at FROM waiting_events ORDER BY id LIMIT %(limit)s)
    ) AS waiting
    GROUP BY state, channel ORDER BY state, channel
"""

_FAILURES: Final = """
    SELECT channel, provider_error, count(*) FROM (
        SELECT channel, provider_error FROM deliveries
        WHERE state = 'failed' AND updated_at > statement_timestamp() - %(since)s
        ORDER BY updated_at DESC LIMIT %(limit)s
    ) AS failed
    GROUP BY channel, provider_error ORDER BY count(*) DESC, channel, provider_error
"""

_REJECTED: Final = """
    SELECT reason, count(*) FROM (
        SELECT reason FROM rejected_events WHERE rejected_at > statement_timestamp() - %(since)s
        ORDER BY rejected_at DESC LIMIT %(limit)s
    ) AS rejected
    GROUP BY reason ORDER BY count(*) DESC, reason
"""


def waiting() -> tuple[Sequence[Waiting], ByHttp]:
    """Count the deliveries that are pending, held or being sent, and the events that came past SQS, in one query.

    Of a list beyond LONGEST, only its first rows have a channel.
    """
    rows = _ask(_WAITING, limit=LONGEST + 1)
    by_http = [ByHttp(*row) for state, _, *row in rows if state == _HTTP]
    deliveries = [Waiting(State(state), *row) for state, *row in rows if state != _HTTP]
    return deliveries, by_http[0] if by_http else ByHttp(0, None)


def failures() -> Sequence[Failure]:
    """Count what failed within FAILURES_SINCE, the most frequent first."""
    return [Failure(*row) for row in _ask(_FAILURES, since=FAILURES_SINCE, limit=LONGEST + 1)]


def rejected() -> Sequence[Refusal]:
    """Count what was rejected within REJECTED_SINCE, the most frequent first."""
    rows = _ask(_REJECTED, since=REJECTED_SINCE, limit=LONGEST + 1)
    return [Refusal(Rejection(reason), count) for reason, count in rows]


def _ask(question: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        return list(cursor)
