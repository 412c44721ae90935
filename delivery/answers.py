"""What became of a chunk's deliveries, on record some answers at a time (docs/decisions/0013-answers-by-the-chunk.md).

One UPDATE for several rows, since a commit each costs more than all else that a worker does for a push. What is not on
record is sent again when the worker dies: so answers wait for company in small number, and for a moment only.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import orjson
from django.db import Error as DatabaseError
from django.db import connection, transaction

from delivery import delivery_log, delivery_metrics
from delivery.models import Delivery, State
from delivery.outcomes import Change
from delivery.transports.contract import Result
from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel
from preferences.outages import drop_connection, is_outage

logger = logging.getLogger(__name__)

#: Longer than a chunk of 50 takes when every send waits for its full timeout of 10 s.
LEASE: Final = timedelta(minutes=10)
#: How long the first of several answers waits for the others (registry.Outbound.recorded_together).
PATIENCE: Final = timedelta(milliseconds=250)

_DATABASE_PAUSE_SECONDS: Final = 1.0
_SETTLED: Final = frozenset({State.SENT, State.FAILED, State.SUPPRESSED})

Written = TypeVar("Written")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery at the instant `at` (aware), and the answers that say so, if anybody was asked."""

    delivery: Delivery
    change: Change
    at: datetime
    results: Sequence[Result] = ()


class Answers:
    """The outcomes of one chunk that are not on record yet. The caller flushes what is left in the end."""

    def __init__(self, channel: Channel) -> None:
        self._most = OUTBOUND[channel].recorded_together
        self._waiting: list[Outcome] = []
        self._due = 0.0  # monotonic; of no meaning while nothing waits

    def add(self, outcome: Outcome) -> None:
        """Take one more, and record all that wait when they are many."""
        if not self._waiting:
            self._due = time.monotonic() + PATIENCE.total_seconds()
        self._waiting.append(outcome)
        if len(self._waiting) >= self._most:
            self.flush()

    def flush_when_due(self) -> None:
        """Record what waits if its time is over."""
        if self._waiting and time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Record what waits, however long PostgreSQL is away, and tell metrics and log of what was still ours."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        mine = patiently(partial(_write, waiting))
        for outcome in waiting:
            if outcome.delivery.id in mine:
                _tell(outcome)


def patiently(write: Callable[[], Written]) -> Written:
    """Write, however long PostgreSQL is away, up to a lease: who raises loses the answers that are under way."""
    patience_ends = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            return write()
        except DatabaseError as error:
            if not is_outage(error):
                raise
            logger.warning("answer waits for the database", extra={"error": type(error).__name__})
            drop_connection()  # it may lead to a server that will take no writes any more
            if time.monotonic() > patience_ends:
                raise
            time.sleep(_DATABASE_PAUSE_SECONDS)


def _tell(outcome: Outcome) -> None:
    delivery, change = outcome.delivery, outcome.change
    delivery_log.settled(delivery, change)
    match change.state:
        case State.SENT:
            delivery_metrics.sent(delivery, at=outcome.at)
        case State.FAILED:
            delivery_metrics.failed(delivery, outcome.results)
        case State.SUPPRESSED:
            delivery_metrics.suppressed(delivery, change.columns["reason"])


# --- The rows ------------------------------------------------------------------------------------------------

# Each claim has a lease of its own; attempts alone do not tell it from one after a retry, which counts from the start.
# A column that an outcome does not name stays. That it was read meanwhile (dispatch.cancel) stays on record unless it
# was sent: a retry goes by it. Once it was sent, an earlier refusal goes; what the provider has reported since stays.
_RECORD = """
    UPDATE deliveries
    SET state = outcome.state, lease_until = NULL, updated_at = statement_timestamp(),
        reason = COALESCE(outcome.reason, deliveries.reason), due_at = COALESCE(outcome.due_at, deliveries.due_at),
        attempts = COALESCE(outcome.attempts, deliveries.attempts),
        devices = COALESCE(outcome.devices, deliveries.devices),
        provider_id = COALESCE(outcome.provider_id, deliveries.provider_id),
        provider_error = COALESCE(
            outcome.provider_error,
            CASE WHEN outcome.state = 'sent' AND deliveries.provider_error = outcome.error_then THEN '' END,
            deliveries.provider_error),
        sent_at = COALESCE(outcome.sent_at, deliveries.sent_at)
    FROM json_to_recordset(%s) AS outcome
        (id bigint, state_then text, attempts_then smallint, lease_then timestamptz, error_then text,
         state text, reason text, due_at timestamptz, attempts smallint, devices jsonb, provider_id text,
         provider_error text, sent_at timestamptz)
    WHERE deliveries.id = outcome.id AND deliveries.state = outcome.state_then
        AND deliveries.attempts = outcome.attempts_then
        AND deliveries.lease_until IS NOT DISTINCT FROM outcome.lease_then
    RETURNING deliveries.id
"""


def _write(outcomes: Sequence[Outcome]) -> set[int]:
    """Record the outcomes, all or nothing, unless a lease ran out and another worker has the row; return whose is ours.

    A digest that has come to its end takes along what it gathers.
    """
    digests = [one for one in outcomes if one.delivery.is_digest and one.change.state in _SETTLED]
    if not digests:
        return _update(outcomes)
    with transaction.atomic():
        mine = _update(outcomes)
        for digest in digests:
            if digest.delivery.id in mine:
                _share(digest)
    return mine


def _update(outcomes: Sequence[Outcome]) -> set[int]:
    """Update in the order of ids: others who write several rows of these then wait for us and not we for each other."""
    rows = [_row(one) for one in sorted(outcomes, key=lambda one: one.delivery.id)]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [orjson.dumps(rows).decode()])
        return {id_ for (id_,) in cursor}


def _row(outcome: Outcome) -> Mapping[str, Any]:
    delivery, state = outcome.delivery, outcome.change.state
    return {
        "id": delivery.id,
        "state_then": delivery.state,
        "attempts_then": delivery.attempts,
        "lease_then": delivery.lease_until,
        "error_then": delivery.provider_error,
        "state": state,
        **_columns(outcome.change),
    }


def _columns(change: Change) -> Mapping[str, Any]:
    return {"reason": "", **change.columns} if change.state is State.SENT else change.columns


def _share(digest: Outcome) -> None:
    columns = _columns(digest.change)
    gathered = Delivery.objects.filter(digest_id=digest.delivery.id, state=State.HELD)
    gathered.update(
        state=digest.change.state,
        updated_at=digest.at,
        reason=columns.get("reason", ""),
        sent_at=columns.get("sent_at"),
    )
