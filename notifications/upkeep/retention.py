"""How long rows are kept, and taking them away batch by batch (spec §4 "Retention").

Large tables are walked by a key that ascends with time, from its low end, until nothing is old: what is young is never
looked at. Every batch commits by itself, so a kill loses nothing, and two that prune at once do each other no harm.
"""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.utils import timezone

from delivery.dispatch import CALL_ERRORS
from notifications import ids
from notifications.upkeep import key_ranges
from notifications.upkeep.key_ranges import KeyRange
from notifications.upkeep.removal import Count, Deletion, Pruned, Removal

logger = logging.getLogger(__name__)

BATCH: Final = 1_000
#: How long one task prunes. Then it calls the next one, since sweeps and digests wait for the same worker.
SLICE: Final = timedelta(seconds=10)
#: In the order of the flow.
TABLES: Final = (
    "received_events", "decisions", "rejected_events", "deliveries", "notifications", "ses_messages", "forecasts",
)  # fmt: skip


def prune(*, batch: int = BATCH, dry_run: bool = False) -> Iterator[Pruned]:
    """Take away what is older than its setting allows, one transaction a batch; a dry run only counts.

    It may be stopped after any batch. A dry run counts MOST_COUNTED rows of a table at most (removal.py).
    """
    now = timezone.now()
    removal: Removal = Count(batch) if dry_run else Deletion(batch)
    yield from _ledger(removal, now - settings.LEDGER_RETENTION)
    yield from _by_time(removal, "rejected_events", "rejected_at", now - settings.REJECTED_RETENTION)
    yield from _deliveries(removal, now - settings.DELIVERY_RETENTION)
    yield from _notifications(removal, now - settings.NOTIFICATION_RETENTION)
    yield from _by_time(removal, "ses_messages", "received_at", now - settings.SES_MESSAGE_RETENTION)
    yield from _by_time(removal, "forecasts", "finished_at", now - settings.FORECAST_RETENTION)


def work() -> None:
    """Prune for SLICE, then call the next worker. A call that is lost is made up for by the next day's."""
    end = time.monotonic() + SLICE.total_seconds()
    pruned = 0
    for some in prune():
        pruned += some.rows
        # The next one begins at the low end again: as long as nothing went, it would come no further than this one.
        if pruned and time.monotonic() >= end:
            _call()
            break
    logger.info("pruned", extra={"rows": pruned})


def _call() -> None:
    try:
        current_app.send_task("notifications.prune", queue=settings.MAINTENANCE_QUEUE)
    except CALL_ERRORS as error:
        logger.warning("no worker called", extra={"error": type(error).__name__})


# --- Table by table --------------------------------------------------------------------------------------------

_RANGE: Final = "id > %(after)s AND id <= %(last)s"
_OLD_EVENTS: Final = f"{_RANGE} AND received_at < %(cutoff)s"
_THEIR_DECISIONS: Final = f"""
    event_id <= %(last)s AND event_id IN (SELECT id FROM received_events WHERE {_OLD_EVENTS})
"""  # nosec B608 # noqa: S608 - from constants
# Decisions that somebody added meanwhile keep their event until the next time.
_HAS_DECISIONS: Final = "EXISTS (SELECT FROM decisions WHERE event_id = received_events.id)"


def _ledger(removal: Removal, cutoff: datetime) -> Iterator[Pruned]:
    """Events and, before them, their decisions, of which one event may have 10,000."""
    for span in _old(removal, "received_events", time="received_at", cutoff=cutoff):
        values = _values(span, cutoff)
        yield from removal.take_along("event_id", "decisions", _THEIR_DECISIONS, values, start=span.after)
        yield from removal.take("received_events", _OLD_EVENTS, values, unless=_HAS_DECISIONS)


_IN_FLIGHT: Final = "state IN ('held', 'pending', 'sending')"
_FINISHED: Final = f"{_RANGE} AND created_at < %(cutoff)s AND NOT {_IN_FLIGHT}"
# A digest stays as long as anything that it gathered does.
_HAS_ITEMS: Final = f"""
    id = ANY (ARRAY(
        SELECT digest_id FROM deliveries
        WHERE digest_id > %(after)s AND digest_id <= %(last)s
            AND (id > %(last)s OR created_at >= %(cutoff)s OR {_IN_FLIGHT})
    ))
"""  # nosec B608 # noqa: S608 - from constants


def _deliveries(removal: Removal, cutoff: datetime) -> Iterator[Pruned]:
    """Mails and pushes, save what is still to be sent, however old."""
    for span in _old(removal, "deliveries", time="created_at", cutoff=cutoff):
        yield from removal.take("deliveries", _FINISHED, _values(span, cutoff), unless=_HAS_ITEMS)


def _notifications(removal: Removal, cutoff: datetime) -> Iterator[Pruned]:
    """Inboxes. Ids tell when the event was, which may have been stored much later: age counts from then."""
    spans = key_ranges.walk("notifications", time="created_at", limit=removal.batch, start="", below=ids.floor(cutoff))
    for span in removal.within_reach(spans):
        if span.oldest < cutoff:
            yield from removal.take("notifications", f"{_RANGE} AND created_at < %(cutoff)s", _values(span, cutoff))


def _by_time(removal: Removal, table: str, column: str, cutoff: datetime) -> Iterator[Pruned]:
    """A table that is small, or has an index by time."""
    beginning = datetime.min.replace(tzinfo=UTC)
    return removal.take_along(column, table, f"{column} < %(cutoff)s", {"cutoff": cutoff}, start=beginning)


def _old(removal: Removal, table: str, *, time: str, cutoff: datetime) -> Iterator[KeyRange]:
    """Walk a table whose ids ascend with time, as far as there is anything old."""
    for span in removal.within_reach(key_ranges.walk(table, time=time, limit=removal.batch)):
        if span.oldest >= cutoff:
            return
        yield span


def _values(span: KeyRange, cutoff: datetime) -> dict[str, Any]:
    return {"after": span.after, "last": span.last, "cutoff": cutoff}
